using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>
/// Weighs each triplet by how hard it is among recent ones: the mean of <c>CDF(t) · t</c>, with <c>t = d(a,p) − d(a,n)</c> and the CDF of the t of this batch and of
/// those before it, kept as a histogram that moves with a momentum. There is no margin to choose.
/// </summary>
/// <remarks>
/// Default: 10 nodes from −2 on in steps of 0.4, momentum 0.01 (the first batch counts wholly), Euclidean distance of normalised rows, all triplets, mean, as
/// pytorch-metric-learning. As there, the triplets of a batch are counted, so that K of them weigh K · momentum against 1 − momentum for all before them, and the
/// gradient flows through this batch's part of the histogram too. The value may be below 0. The histogram is a buffer, saved with the
/// loss; it moves in training mode while gradients are recorded, and never by a batch whose triplets are not finite.
/// Zhang, Rusinkiewicz, <i>Learning Local Descriptors with a CDF-Based Dynamic Soft Margin</i>, ICCV 2019.
/// </remarks>
public sealed class DynamicSoftMarginLoss : TupleLoss
{
    private readonly Tensor histogram;

    /// <summary>Creates the loss with an empty histogram.</summary>
    /// <param name="minimum">The t of the first node, below 0; −2 by default.</param>
    /// <param name="nodes">At least 2; 10 by default. The step is 2·|minimum| ÷ nodes.</param>
    /// <param name="momentum">The weight of a triplet of this batch in the histogram, above 0 and at most 1; 0.01 by default.</param>
    public DynamicSoftMarginLoss(double minimum = -2, int nodes = 10, double momentum = 0.01) : base(nameof(DynamicSoftMarginLoss))
    {
        Minimum = -Guard.Positive(-minimum, nameof(minimum));
        Momentum = Guard.Within(momentum, double.Epsilon, 1);
        histogram = zeros(Guard.AtLeast(nodes, 2)).DetachFromDisposeScope();
        Distance = Distance.Euclidean.Normalized();
        RegisterComponents();
    }

    /// <summary>The t of the first node.</summary>
    public double Minimum { get; }

    /// <summary>The weight of a new triplet in the histogram.</summary>
    public double Momentum { get; }

    /// <summary>[nodes]: the share of the triplets about each node; all 0 before the first batch.</summary>
    public Tensor Histogram => histogram;

    /// <inheritdoc/>
    protected override IEnumerable<LossTerm> Terms(DistanceView distances, Tuples tuples)
    {
        var triplets = tuples.AsTriplets();
        if (triplets.Count == 0) yield break;
        var t = distances[triplets.Anchors, triplets.Positives] - distances[triplets.Anchors, triplets.Negatives];
        var nodes = (int)histogram.size(0);
        var (lower, share) = Nodes.Of((t - Minimum) * (nodes / (-2 * Minimum)), nodes);
        var batch = zeros(nodes, t.dtype, t.device).scatter_add(0, lower, 1 - share).scatter_add(0, (lower + 1).clamp_max(nodes - 1), share);
        var before = histogram.detach().to(t.dtype);
        var moved = where(before.sum() == 0, batch, (1 - Momentum) * before + Momentum * batch);
        moved = moved / moved.sum();
        if (training && is_grad_enabled()) Keep(moved);
        yield return new(moved.cumsum(0).index_select(0, lower) * t, triplets.Anchors);
    }

    private void Keep(Tensor moved)
    {
        using var noGradient = no_grad();
        histogram.copy_(where(moved.isfinite().all(), moved, histogram.to(moved.dtype)));
    }
}
