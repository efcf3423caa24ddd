namespace MetricLearning;

/// <summary>The threshold for a target false-match rate, and the errors at it.</summary>
/// <remarks>
/// <para>Intervals are exact for independent pairs. Pairs that share an image are not independent, so for all pairs of a test set the
/// intervals are too narrow. They are then a lower bound of the uncertainty.</para>
/// <para>Thread safety: immutable; any number of threads may use it at once.</para>
/// </remarks>
public sealed record OperatingPoint
{
    /// <summary>The target false-match rate.</summary>
    public required double Target { get; init; }

    /// <summary>The threshold. A pair is accepted if its distance is <b>below</b> it. It is the largest threshold that accepts at most the
    /// target share of non-matching pairs, and it is the distance of a non-matching pair. ∞ if all may be accepted.</summary>
    public required double Threshold { get; init; }

    /// <summary>The interval of the threshold, between two order statistics of the non-matching distances; it assumes no distribution. An
    /// end is infinite if there are too few pairs.</summary>
    public required ConfidenceInterval ThresholdInterval { get; init; }

    /// <summary>FMR at the threshold, the share of non-matching pairs that are accepted, with the interval of Clopper and Pearson
    /// (1934).</summary>
    public required ConfidenceInterval FalseMatchRate { get; init; }

    /// <summary>FNMR at the threshold, the share of matching pairs that are refused, with the interval of Clopper and Pearson.</summary>
    public required ConfidenceInterval FalseNonMatchRate { get; init; }

    /// <summary>TPR@FPR: the largest share of matching pairs that any threshold accepts within the target.</summary>
    public double TruePositiveRate => 1 - FalseNonMatchRate.Estimate;

    /// <summary>The target quantile of the non-matching distances with linear interpolation (NumPy's default).</summary>
    public required double QuantileThreshold { get; init; }

    /// <summary>FNMR@FMR of open-metric-learning: the share of matching pairs at <see cref="QuantileThreshold"/> or farther. A quantile
    /// between two distances may accept one pair more than the target allows.</summary>
    public required double FalseNonMatchRateAtQuantile { get; init; }
}
