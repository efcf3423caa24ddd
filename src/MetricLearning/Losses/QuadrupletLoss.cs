using static TorchSharp.torch;
using static TorchSharp.torch.nn.functional;

namespace MetricLearning;

/// <summary>
/// A triplet loss that also pushes two negatives of different classes apart: <c>[d(a,p) − d(a,n) + m₁]₊ + [d(a,p) − d(n,n′) + m₂]₊</c>,
/// where n′ belongs to a third class.
/// </summary>
/// <remarks>
/// Default: m₁ = 1, m₂ = 0.5, squared Euclidean distance of rows of length 1, batch-hard triplets. n′ is the row of a third class that is
/// nearest to n. The loss is the mean of the first part plus the mean of the second. If the batch has no third class, a triplet has only
/// the first part. It needs labels: given tuples are refused. Memory O(N²) and the mined triplets; all triplets of a large batch are summed
/// in blocks, as in <see cref="TripletLoss"/>. Chen et al., <i>Beyond Triplet Loss: a Deep Quadruplet Network for Person
/// Re-identification</i>, CVPR 2017, whose authors learn the metric and set the margins by the batch's mean distances.
/// </remarks>
public sealed class QuadrupletLoss : TupleLoss
{
    /// <summary>Creates the loss.</summary>
    /// <param name="margin">The margin m₁. Default: 1.</param>
    /// <param name="secondMargin">The second margin m₂, smaller because the second part is the weaker constraint. Default: 0.5.</param>
    /// <exception cref="ArgumentOutOfRangeException">A number is outside its range or not finite.</exception>
    public QuadrupletLoss(double margin = 1, double secondMargin = 0.5) : base(nameof(QuadrupletLoss))
    {
        (Margin, SecondMargin) = (Guard.Finite(margin), Guard.Finite(secondMargin));
        Distance = Distance.EuclideanSquared.Normalized();
        Miner = new BatchHardMiner();
    }

    /// <summary>The margin m₁.</summary>
    public double Margin { get; }

    /// <summary>The second margin m₂.</summary>
    public double SecondMargin { get; }

    /// <inheritdoc/>
    protected override IEnumerable<LossTerm> Terms(DistanceView distances, Tuples tuples)
    {
        distances.Batch.RequireLabels(nameof(QuadrupletLoss));
        var labels = distances.Batch.ReferenceLabels!;
        if (PairsToSum(distances, tuples) is { } pairs)
        {
            foreach (var term in Sums(distances, tuples.AsPairs().Negatives, labels, pairs.Rows, pairs.Columns)) yield return term;
            yield break;
        }
        var triplets = tuples.AsTriplets();
        if (triplets.Count == 0) yield break;
        var near = distances[triplets.Anchors, triplets.Positives];
        yield return new(relu(near - distances[triplets.Anchors, triplets.Negatives] + S(Margin)), triplets.Anchors);

        var nearest = NearestOfAnotherClass(distances.AmongReferences.Matrix.detach(), labels);
        var own = labels.index_select(0, triplets.Positives);
        var firstClass = nearest[0].Classes.index_select(0, triplets.Negatives);
        Tensor Chosen(Func<(Tensor Rows, Tensor Classes, Tensor Found), Tensor> of) => where(firstClass == own,
            of(nearest[1]).index_select(0, triplets.Negatives), of(nearest[0]).index_select(0, triplets.Negatives));
        var kept = Chosen(n => n.Found).nonzero().squeeze(1);
        var between = distances.AmongReferences[triplets.Negatives.index_select(0, kept), Chosen(n => n.Rows).index_select(0, kept)];
        yield return new(relu(near.index_select(0, kept) - between + S(SecondMargin)), triplets.Anchors.index_select(0, kept));
    }

    /// <summary>Both parts, as one sum for each positive pair.</summary>
    private IEnumerable<LossTerm> Sums(DistanceView distances, Tensor negatives, Tensor labels, Tensor rows, Tensor columns)
    {
        yield return PairBlocks.Sums([distances.Matrix, negatives], rows, columns, negatives.size(1), (m, anchors, positives) =>
        {
            var far = m[0].index_select(0, anchors);
            return (relu(far.gather(1, positives.unsqueeze(1)) - far + S(Margin)), m[1].index_select(0, anchors));
        });

        var among = distances.AmongReferences.Matrix;
        var nearest = NearestOfAnotherClass(among.detach(), labels);
        Tensor[] matrices = [distances.Matrix, negatives, among, labels, nearest[0].Rows, nearest[0].Found, nearest[1].Rows,
            nearest[1].Found];
        yield return PairBlocks.Sums(matrices, rows, columns, negatives.size(1), (m, anchors, positives) =>
        {
            var clash = m[3].index_select(0, m[4]).unsqueeze(0) == m[3].index_select(0, positives).unsqueeze(1);
            Tensor To(Tensor found) => m[2].gather(1, found.unsqueeze(1)).squeeze(1);
            var near = m[0].index_select(0, anchors).gather(1, positives.unsqueeze(1));
            return (relu(near - where(clash, To(m[6]), To(m[4])) + S(SecondMargin)), m[1]
                .index_select(0, anchors) & where(clash, m[7], m[5]));
        });
    }

    /// <summary>
    /// For each row, finds the nearest row of another class and the nearest row of a third class. A triplet needs the row that is nearest
    /// to its negative and has neither the negative's class nor the anchor's. That row is one of the two. So each row is searched twice,
    /// instead of once for each triplet.
    /// </summary>
    private static (Tensor Rows, Tensor Classes, Tensor Found)[] NearestOfAnotherClass(Tensor among, Tensor labels)
    {
        var taken = labels.unsqueeze(1) == labels.unsqueeze(0);
        var nearest = new (Tensor Rows, Tensor Classes, Tensor Found)[2];
        for (var i = 0; i < nearest.Length; i++)
        {
            var (distance, row) = among.masked_fill(taken, S(double.PositiveInfinity)).min(1);
            var found = labels.index_select(0, row);
            nearest[i] = (row, found, (distance == S(double.PositiveInfinity)).logical_not());
            taken |= found.unsqueeze(1) == labels.unsqueeze(0);
        }
        return nearest;
    }
}
