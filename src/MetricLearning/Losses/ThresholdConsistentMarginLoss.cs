using static TorchSharp.torch.nn.functional;

namespace MetricLearning;

/// <summary>
/// Makes one threshold fit all classes: <c>λ⁺ · mean [m⁺ − s_p]₊ + λ⁻ · mean [s_n − m⁻]₊</c> over cosines s, each mean over the pairs on
/// the wrong side of its margin.
/// </summary>
/// <remarks>
/// Default: m⁺ = 0.9, m⁻ = 0.5, λ = 1, each term the mean over its values above 0, as in pytorch-metric-learning. It is a regularizer: with
/// <see cref="LossSum"/>, add it to a loss that separates the classes. The distance is fixed: 1 − s. Zhang et al., <i>Threshold-Consistent
/// Margin Loss for Open-World Deep Metric Learning</i>, ICLR 2024, eq. 3.
/// </remarks>
public sealed class ThresholdConsistentMarginLoss : TupleLoss
{
    /// <summary>Creates the loss.</summary>
    /// <param name="positiveMargin">The positive margin m⁺, a cosine in [−1, 1]. Default: 0.9.</param>
    /// <param name="negativeMargin">The negative margin m⁻, a cosine in [−1, 1]. Default: 0.5.</param>
    /// <exception cref="ArgumentOutOfRangeException">A number is outside its range or not finite.</exception>
    public ThresholdConsistentMarginLoss(double positiveMargin = 0.9, double negativeMargin = 0.5)
        : base(nameof(ThresholdConsistentMarginLoss), Distance.Cosine)
    {
        (PositiveMargin, NegativeMargin) = (Guard.Within(positiveMargin, -1, 1), Guard.Within(negativeMargin, -1, 1));
        Reducer = Reducer.NonZeroMean;
    }

    /// <summary>The positive margin m⁺.</summary>
    public double PositiveMargin { get; }

    /// <summary>The negative margin m⁻.</summary>
    public double NegativeMargin { get; }

    /// <summary>The positive weight λ⁺, 0 or greater. Default: 1.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is below 0 or not finite.</exception>
    public double PositiveWeight { get; init => field = Guard.NotNegative(value); } = 1;

    /// <summary>The negative weight λ⁻, 0 or greater. Default: 1.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is below 0 or not finite.</exception>
    public double NegativeWeight { get; init => field = Guard.NotNegative(value); } = 1;

    /// <inheritdoc/>
    protected override IEnumerable<LossTerm> Terms(DistanceView distances, Tuples tuples)
    {
        var (anchors, positives) = tuples.PositivePairs();
        yield return new(S(PositiveWeight) * relu(distances[anchors, positives] - S(1 - PositiveMargin)), anchors);
        (anchors, var negatives) = tuples.NegativePairs();
        yield return new(S(NegativeWeight) * relu(S(1 - NegativeMargin) - distances[anchors, negatives]), anchors);
    }
}
