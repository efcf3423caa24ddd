using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>
/// A triplet loss without a margin: <c>w·(d(a,p) − d(a,n))</c>, where w is the share of all triplets seen lately that are easier (the
/// cumulative histogram of d(a,p) − d(a,n)).
/// </summary>
/// <remarks>
/// Default: 10 bins on [−2, 2], momentum 0.01, Euclidean distance of rows of length 1, all triplets (O(N·K·N) memory: mine, as the paper
/// does, beyond a few hundred rows), mean, as pytorch-metric-learning. The loss may be negative. The histogram is the buffer
/// <c>histogram</c>, saved with the module; it is updated before it is used, in training mode and with gradients enabled only. Values
/// beyond the last bin count in it, where the peer fails. Zhang, Rusinkiewicz, <i>Learning Local Descriptors with a CDF-Based Dynamic Soft
/// Margin</i>, ICCV 2019.
/// </remarks>
public sealed class DynamicSoftMarginLoss : TupleLoss
{
    private readonly Tensor histogram;

    /// <summary>Creates the loss.</summary>
    /// <param name="minimum">The left end of the first bin, below 0; the right end of the last is its negative. −2 by default.</param>
    /// <param name="bins">At least 2; 10 by default.</param>
    /// <param name="momentum">The weight of a triplet of the current batch, in (0, 1]; 0.01 by default.</param>
    public DynamicSoftMarginLoss(double minimum = -2, int bins = 10, double momentum = 0.01) : base(nameof(DynamicSoftMarginLoss))
    {
        Minimum = -Guard.Positive(-minimum, nameof(minimum));
        Bins = Guard.AtLeast(bins, 2);
        Momentum = Guard.Within(momentum, double.Epsilon, 1);
        Distance = Distance.Euclidean.Normalized();
        histogram = zeros(Bins, ScalarType.Float64);
        register_buffer(nameof(histogram), histogram);
    }

    /// <summary>The left end of the first bin.</summary>
    public double Minimum { get; }

    /// <summary>The number of bins.</summary>
    public int Bins { get; }

    /// <summary>The weight of a triplet of the current batch.</summary>
    public double Momentum { get; }

    /// <summary>
    /// Whether the gradient also flows through the weights, into the histogram of the current batch, as in pytorch-metric-learning. False
    /// by default: the weights are constants.
    /// </summary>
    public bool DifferentiateWeights { get; init; }

    /// <inheritdoc/>
    protected override IEnumerable<LossTerm> Terms(DistanceView distances, Tuples tuples)
    {
        var triplets = tuples.AsTriplets();
        if (triplets.Count == 0) yield break;
        var gap = distances[triplets.Anchors, triplets.Positives] - distances[triplets.Anchors, triplets.Negatives];
        var weights = Weights((DifferentiateWeights ? gap : gap.detach()).to(ScalarType.Float64));
        yield return new(gap * weights.to(gap.dtype), triplets.Anchors);
    }

    private Tensor Weights(Tensor gaps)
    {
        var place = ((gaps - S(Minimum)) / S(-2 * Minimum / Bins)).nan_to_num(0, 0, 0).clamp(S(0), S(Bins));
        var bin = place.detach().floor().clamp_max(S(Bins - 1));
        var index = bin.to(ScalarType.Int64);
        var lately = training && is_grad_enabled() ? Mix(index, place - bin, gaps.isfinite()) : histogram;
        return lately.cumsum(0).index_select(0, index);
    }

    /// <summary>
    /// The histogram with the batch mixed in: each value falls on its bin and the next one, in proportion to where it lies between them.
    /// </summary>
    private Tensor Mix(Tensor bin, Tensor fraction, Tensor finite)
    {
        var seen = zeros_like(histogram)
            .index_add(0, bin, (S(1) - fraction) * finite, S(1))
            .index_add(0, (bin + S(1)).clamp_max(S(Bins - 1)), fraction * finite, S(1));
        var mixed = where(histogram.sum() == S(0), seen, (S(1 - Momentum) * histogram).Plus(S(Momentum) * seen));
        mixed = mixed / mixed.sum().clamp_min(S(double.Epsilon));
        using (no_grad()) histogram.copy_(mixed);
        return mixed;
    }
}
