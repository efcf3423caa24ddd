using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Draws k triplets for each anchor, each with a random positive and a random negative.</summary>
/// <remarks>
/// Draws are independent, so a triplet may come twice. An anchor without a positive or without a negative gives none. Memory O(N·M) and k
/// triplets for each anchor. As <c>triplets_per_anchor</c> of pytorch-metric-learning's TripletMarginLoss and MarginLoss, with a seed.
/// </remarks>
public sealed class RandomTripletsMiner : SeededMiner
{
    /// <summary>Creates the miner.</summary>
    /// <param name="tripletsPerAnchor">k, at least 1.</param>
    /// <exception cref="ArgumentOutOfRangeException">k is below 1.</exception>
    public RandomTripletsMiner(int tripletsPerAnchor) => TripletsPerAnchor = Guard.AtLeast(tripletsPerAnchor, 1);

    /// <summary>k, the triplets of each anchor.</summary>
    public int TripletsPerAnchor { get; }

    /// <inheritdoc/>
    protected override Tuples MineCore(Tensor distances, Pairs candidates)
    {
        var (positives, negatives) = (candidates.Positives.cumsum(1), candidates.Negatives.cumsum(1));
        var anchors = (Counts(positives) > S(0)).bitwise_and(Counts(negatives) > S(0)).nonzero().squeeze(1);
        var drawn = Draws(anchors.size(0) * TripletsPerAnchor * 2).to(distances.device).view(2, -1, TripletsPerAnchor);
        var broken = distances.isnan();
        return new Triplets(anchors.repeat_interleave(TripletsPerAnchor), Columns(drawn[0], positives, candidates.Positives),
            Columns(drawn[1], negatives, candidates.Negatives), candidates.Rows, candidates.Columns);

        // The number of candidates of each row, [N], from their running count.
        Tensor Counts(Tensor running) => running.select(1, -1);

        // A draw of number r takes the candidate at which the running count is r + 1. If a row has a NaN, its first draw takes the first.
        Tensor Columns(Tensor draws, Tensor running, Tensor mask)
        {
            var counted = running.index_select(0, anchors);
            var places = (draws * Counts(counted).unsqueeze(1)).to(ScalarType.Int64);
            var columns = searchsorted(counted, places.Plus(S(1)));
            var nan = (mask & broken).index_select(0, anchors);
            columns.select(1, 0).copy_(where(nan.any(1), nan.to(ScalarType.Byte).argmax(1), columns.select(1, 0)));
            return columns.reshape(-1);
        }
    }

    private Tensor Draws(long count)
    {
        var random = NextRandom();
        var draws = new double[count];
        for (var i = 0; i < draws.Length; i++) draws[i] = random.NextDouble();
        return tensor(draws);
    }
}
