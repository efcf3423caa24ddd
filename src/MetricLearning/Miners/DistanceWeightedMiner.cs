using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>For each positive pair one negative, drawn so that all distances are equally likely.</summary>
/// <remarks>
/// On the unit sphere in D dimensions distances crowd about √2; a negative at distance d is drawn with probability ∝ 1 / q(d), q(d) ∝
/// d^(D−2)·(1 − d²/4)^((D−3)/2), with d cut off from below so that the nearest, which are noisy, are not preferred. Negatives beyond the
/// farthest distance are never drawn; an anchor that has no others gives no triplet. Weights are computed in float64. Memory O(N·M). Wu,
/// Manmatha, Smola, Krähenbühl, <i>Sampling Matters in Deep Embedding Learning</i>, ICCV 2017, section 4; defaults of
/// pytorch-metric-learning's DistanceWeightedMiner.
/// </remarks>
public sealed class DistanceWeightedMiner : SeededMiner
{
    /// <summary>Creates the miner, by the Euclidean distance of rows of length 1, for which the density holds.</summary>
    /// <param name="dimension">D of the embeddings, at least 2.</param>
    /// <param name="cutoff">The distance below which all count as that far, in (0, 2); 0.5 by default.</param>
    /// <param name="farthest">The distance from which on none is drawn, above the cutoff and at most 2; 1.4 by default.</param>
    public DistanceWeightedMiner(int dimension, double cutoff = 0.5, double farthest = 1.4)
    {
        Dimension = Guard.AtLeast(dimension, 2);
        Cutoff = Guard.Within(Guard.Positive(cutoff), 0, 2);
        Farthest = farthest > cutoff && farthest <= 2 ? farthest
            : throw new ArgumentOutOfRangeException(nameof(farthest), farthest,
                $"farthest must be above the cutoff, {cutoff}, and at most 2.");
        Distance = Distance.Euclidean.Normalized();
    }

    /// <summary>D.</summary>
    public int Dimension { get; }

    /// <summary>The distance below which all count as that far.</summary>
    public double Cutoff { get; }

    /// <summary>The distance from which on none is drawn.</summary>
    public double Farthest { get; }

    /// <inheritdoc/>
    protected override Tuples MineCore(Tensor distances, Pairs candidates)
    {
        var drawable = candidates.Negatives & (distances < S(Farthest));
        var d = distances.to(ScalarType.Float64).clamp_min(S(Cutoff));
        var ofCap = (S(1) - d.pow(S(2)).div_(S(4))).log_().mul_(S((Dimension - 3) / 2.0));
        var logWeights = d.log_().mul_(S(2 - Dimension)).sub_(ofCap).masked_fill_(drawable.logical_not(), S(double.NegativeInfinity));
        var highest = logWeights.amax([1], keepdim: true);
        var upTo = logWeights.sub_(highest.masked_fill(highest.isinf(), S(0))).exp_().cumsum(1);

        // One draw for each positive pair, those of an anchor in a row: the first column up to which the weights exceed it.
        var (anchors, positives) = candidates.PositivePairs();
        var pair = (anchors * S(candidates.Columns)).Plus(positives);
        var counted = candidates.Positives.cumsum(1);
        var most = counted.select(1, -1).max().item<long>();
        var place = (anchors * S(most)).Plus(counted.reshape(-1).index_select(0, pair)) - S(1);
        var draws = upTo.new_zeros(upTo.size(0) * most).index_copy_(0, place, Draws(pair)).view(upTo.size(0), most) * upTo.narrow(1, -1, 1);
        var drawn = searchsorted(upTo, draws, right: true).reshape(-1).index_select(0, place).clamp_max(S(candidates.Columns - 1));

        // NaN has no weight: it is taken wherever it stands.
        var nan = distances.isnan() & candidates.Negatives;
        var nanRow = nan.any(1).index_select(0, anchors);
        var hasDrawable = drawable.any(1).index_select(0, anchors);
        var first = where(nan.any(1, keepdim: true), nan, candidates.Negatives).to(ScalarType.Byte).argmax(1).index_select(0, anchors);
        var negatives = where(hasDrawable & nanRow.logical_not(), drawn, first);
        var broken = distances.reshape(-1).index_select(0, pair).isnan() & candidates.Negatives.any(1).index_select(0, anchors);
        var kept = (hasDrawable | nanRow | broken).nonzero().squeeze(1);
        return new Triplets(
            anchors.index_select(0, kept), positives.index_select(0, kept), negatives.index_select(0, kept), candidates.Rows,
                candidates.Columns);
    }

    /// <summary>Numbers in [0, 1), so far below 1 that the product with a sum stays below the sum.</summary>
    private Tensor Draws(Tensor pair)
    {
        var random = NextRandom();
        var draws = new double[pair.size(0)];
        for (var i = 0; i < draws.Length; i++) draws[i] = random.NextDouble() * (1 - 1e-12);
        return tensor(draws).to(pair.device);
    }
}
