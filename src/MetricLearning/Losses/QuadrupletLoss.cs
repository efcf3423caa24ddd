using static TorchSharp.torch;
using static TorchSharp.torch.nn.functional;

namespace MetricLearning;

/// <summary>
/// A triplet loss that also pushes two negatives of different classes apart: <c>[d(a,p) − d(a,n) + m₁]₊ + [d(a,p) − d(n,n′) + m₂]₊</c>, n′
/// of neither class.
/// </summary>
/// <remarks>
/// Default: m₁ = 1, m₂ = 0.5, squared Euclidean distance of rows of length 1, batch-hard triplets, and as n′ the row nearest to n among
/// those of a third class; each part's mean, added. Triplets without a third class in the batch have the first part only. Labels are
/// needed, given tuples will not do. Memory O(N²) and the triplets. Chen et al., <i>Beyond Triplet Loss: a Deep Quadruplet Network for
/// Person Re-identification</i>, CVPR 2017 with fixed margins.
/// </remarks>
public sealed class QuadrupletLoss : TupleLoss
{
    /// <summary>Creates the loss.</summary>
    /// <param name="margin">m₁; 1 by default.</param>
    /// <param name="secondMargin">m₂, smaller, as the second part is the weaker constraint; 0.5 by default.</param>
    public QuadrupletLoss(double margin = 1, double secondMargin = 0.5) : base(nameof(QuadrupletLoss))
    {
        (Margin, SecondMargin) = (Guard.Finite(margin), Guard.Finite(secondMargin));
        Distance = Distance.EuclideanSquared.Normalized();
        Miner = new BatchHardMiner();
    }

    /// <summary>m₁.</summary>
    public double Margin { get; }

    /// <summary>m₂.</summary>
    public double SecondMargin { get; }

    /// <inheritdoc/>
    protected override IEnumerable<LossTerm> Terms(DistanceView distances, Tuples tuples)
    {
        distances.Batch.RequireLabels(nameof(QuadrupletLoss));
        var labels = distances.Batch.ReferenceLabels!;
        var triplets = tuples.AsTriplets();
        if (triplets.Count == 0) yield break;
        var near = distances[triplets.Anchors, triplets.Positives];
        yield return new(relu(near - distances[triplets.Anchors, triplets.Negatives] + S(Margin)), triplets.Anchors);

        var (third, found) = NearestOfAThirdClass(distances.AmongReferences.Matrix.detach(), labels, triplets);
        var kept = found.nonzero().squeeze(1);
        var between = distances.AmongReferences[triplets.Negatives.index_select(0, kept), third.index_select(0, kept)];
        yield return new(relu(near.index_select(0, kept) - between + S(SecondMargin)), triplets.Anchors.index_select(0, kept));
    }

    /// <summary>
    /// For each triplet the row nearest to its negative that is of neither class. It is the negative's nearest row of another class, or,
    /// where that is of the anchor's class, the nearest of yet another one: two searches for each row, not one for each triplet.
    /// </summary>
    private static (Tensor Rows, Tensor Found) NearestOfAThirdClass(Tensor among, Tensor labels, Triplets triplets)
    {
        var same = labels.unsqueeze(1) == labels.unsqueeze(0);
        var (first, firstRow) = among.masked_fill(same, S(double.PositiveInfinity)).min(1);
        var taken = same | (labels.index_select(0, firstRow).unsqueeze(1) == labels.unsqueeze(0));
        var (second, secondRow) = among.masked_fill(taken, S(double.PositiveInfinity)).min(1);
        var clash = labels.index_select(0, firstRow.index_select(0, triplets.Negatives)) == labels.index_select(0, triplets.Positives);
        var distance = where(clash, second.index_select(0, triplets.Negatives), first.index_select(0, triplets.Negatives));
        return (where(clash, secondRow.index_select(0, triplets.Negatives), firstRow.index_select(0, triplets.Negatives)),
            (distance == S(double.PositiveInfinity)).logical_not());
    }
}
