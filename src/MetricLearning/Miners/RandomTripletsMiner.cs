using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>So many triplets of each anchor, each with a positive and a negative drawn at random.</summary>
/// <remarks>
/// Draws are independent, so one triplet may come twice; an anchor without a positive or without a negative gives none. Memory O(N·M) and k
/// triplets an anchor. As <c>triplets_per_anchor</c> of pytorch-metric-learning's TripletMarginLoss and MarginLoss, with a seed.
/// </remarks>
public sealed class RandomTripletsMiner : SeededMiner
{
    /// <summary>Creates the miner.</summary>
    /// <param name="tripletsPerAnchor">k, at least 1.</param>
    public RandomTripletsMiner(int tripletsPerAnchor) => TripletsPerAnchor = Guard.AtLeast(tripletsPerAnchor, 1);

    /// <summary>k.</summary>
    public int TripletsPerAnchor { get; }

    /// <inheritdoc/>
    protected override Tuples MineCore(Tensor distances, Pairs candidates)
    {
        // Keys that are all equal keep the columns in order; NaN comes first, and the first draw of its row takes it.
        var keys = zeros_like(distances).masked_fill(distances.isnan(), S(double.NaN));
        var (nearKeys, nearOrder, positives) = CandidateOrder.Sort(keys, candidates.Positives);
        var (farKeys, farOrder, negatives) = CandidateOrder.Sort(keys, candidates.Negatives);
        var anchors = ((positives > S(0)) & (negatives > S(0))).nonzero().squeeze(1);
        var drawn = Draws(anchors.size(0) * TripletsPerAnchor * 2).to(distances.device).view(2, -1, TripletsPerAnchor);
        Tensor Columns(Tensor draws, Tensor sorted, Tensor order, Tensor count)
        {
            var places = (draws * count.index_select(0, anchors).unsqueeze(1)).to(ScalarType.Int64);
            var broken = sorted.select(1, 0).isneginf().index_select(0, anchors);
            places.select(1, 0).masked_fill_(broken, S(0));
            return order.index_select(0, anchors).gather(1, places).reshape(-1);
        }
        return new Triplets(anchors.repeat_interleave(TripletsPerAnchor), Columns(drawn[0], nearKeys, nearOrder, positives),
            Columns(drawn[1], farKeys, farOrder, negatives), candidates.Rows, candidates.Columns);
    }

    private Tensor Draws(long count)
    {
        var random = NextRandom();
        var draws = new double[count];
        for (var i = 0; i < draws.Length; i++) draws[i] = random.NextDouble();
        return tensor(draws);
    }
}
