using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Draws one negative for each positive pair, so that all distances are equally likely.</summary>
/// <remarks>
/// On the unit sphere in D dimensions most distances are near √2. A negative at distance d is drawn with probability ∝ 1 / q(d), where q(d)
/// ∝ d^(D−2)·(1 − d²/4)^((D−3)/2). Distances below the cutoff count as the cutoff, so that the nearest negatives, which are often noise,
/// are not preferred. Negatives at the farthest distance or beyond are never drawn. An anchor that has only such negatives gives no
/// triplet. Weights are computed in float64. Memory O(N·M). Wu, Manmatha, Smola, Krähenbühl, <i>Sampling Matters in Deep Embedding
/// Learning</i>, ICCV 2017, section 4. The defaults are those of pytorch-metric-learning's DistanceWeightedMiner.
/// </remarks>
public sealed class DistanceWeightedMiner : SeededMiner
{
    /// <summary>Creates the miner. It mines by the Euclidean distance of rows of length 1, for which the density holds.</summary>
    /// <param name="dimension">The dimension D of the embeddings, at least 2.</param>
    /// <param name="cutoff">The cutoff, in (0, 2): smaller distances count as the cutoff. Default: 0.5.</param>
    /// <param name="farthest">The farthest distance, above the cutoff and at most 2: negatives at this distance or beyond are not drawn.
    /// Default: 1.4.</param>
    /// <exception cref="ArgumentOutOfRangeException">A number is out of range.</exception>
    public DistanceWeightedMiner(long dimension, double cutoff = 0.5, double farthest = 1.4)
    {
        Dimension = Guard.AtLeast(dimension, 2);
        Cutoff = Guard.Between(cutoff, 0, 2);
        Farthest = farthest > cutoff && farthest <= 2 ? farthest
            : throw new ArgumentOutOfRangeException(nameof(farthest), farthest,
                FormattableString.Invariant($"farthest must be above the cutoff, {cutoff}, and at most 2."));
        Distance = Distance.Euclidean.Normalized();
    }

    /// <summary>The dimension D of the embeddings.</summary>
    public long Dimension { get; }

    /// <summary>The cutoff: smaller distances count as the cutoff.</summary>
    public double Cutoff { get; }

    /// <summary>The farthest distance: negatives at this distance or beyond are not drawn.</summary>
    public double Farthest { get; }

    /// <inheritdoc/>
    protected override Tuples MineCore(Tensor distances, Pairs candidates)
    {
        var drawable = candidates.Negatives & (distances < S(Farthest));
        var (anchors, positives) = candidates.PositivePairs();
        var pair = (anchors * S(candidates.Columns)).Plus(positives);
        var drawn = Draw(CumulativeWeights(distances, drawable), anchors, pair, candidates);

        // NaN has no weight: it is taken wherever it occurs.
        var nan = distances.isnan() & candidates.Negatives;
        var nanRow = nan.any(1).index_select(0, anchors);
        var hasDrawable = drawable.any(1).index_select(0, anchors);
        var first = where(nan.any(1, keepdim: true), nan, candidates.Negatives).to(ScalarType.Byte).argmax(1).index_select(0, anchors);
        var negatives = where(hasDrawable & nanRow.logical_not(), drawn, first);
        var broken = distances.reshape(-1).index_select(0, pair).isnan() & candidates.Negatives.any(1).index_select(0, anchors);
        var kept = (hasDrawable | nanRow | broken).nonzero().squeeze(1);
        return new Triplets(anchors.index_select(0, kept), positives.index_select(0, kept), negatives.index_select(0, kept),
            candidates.Rows, candidates.Columns);
    }

    /// <summary>[N, M] float64: the sum of the weights 1 / q(d) of the columns up to each, divided by the row's largest weight.</summary>
    private Tensor CumulativeWeights(Tensor distances, Tensor drawable)
    {
        var d = distances.to(ScalarType.Float64).clamp_min(S(Cutoff));
        var logOfCap = (S(1) - d.pow(S(2)).div_(S(4))).log_().mul_(S((Dimension - 3) / 2.0));
        var logWeights = d.log_().mul_(S(2 - Dimension)).sub_(logOfCap).masked_fill_(drawable.logical_not(), S(double.NegativeInfinity));
        var highest = logWeights.amax([1], keepdim: true);
        return logWeights.sub_(highest.masked_fill(highest.isinf(), S(0))).exp_().cumsum(1);
    }

    /// <summary>For each positive pair the first column whose cumulative weight is above a random number, int64 [K].</summary>
    private Tensor Draw(Tensor cumulative, Tensor anchors, Tensor pair, Pairs candidates)
    {
        // A row of the search holds the draws of one anchor, one for each of its positives.
        var counted = candidates.Positives.cumsum(1);
        var most = counted.select(1, -1).max().item<long>();
        var place = (anchors * S(most)).Plus(counted.reshape(-1).index_select(0, pair)) - S(1);
        var rows = cumulative.size(0);
        var draws = cumulative.new_zeros(rows * most).index_copy_(0, place, Draws(pair)).view(rows, most) * cumulative.narrow(1, -1, 1);
        return searchsorted(cumulative, draws, right: true).reshape(-1).index_select(0, place).clamp_max(S(candidates.Columns - 1));
    }

    /// <summary>Draws random numbers in [0, 1). They are so far below 1 that their product with a sum of weights stays below the
    /// sum.</summary>
    private Tensor Draws(Tensor pair)
    {
        var random = NextRandom();
        var draws = new double[pair.size(0)];
        for (var i = 0; i < draws.Length; i++) draws[i] = random.NextDouble() * (1 - 1e-12);
        return tensor(draws).to(pair.device);
    }
}
