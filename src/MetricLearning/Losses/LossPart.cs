namespace MetricLearning;

/// <summary>One loss of a sum on one batch.</summary>
/// <remarks>Thread safety: immutable; any number of threads may use it at once.</remarks>
public sealed record LossPart
{
    /// <summary>The name under which the loss was added.</summary>
    public required string Name { get; init; }

    /// <summary>The weight of the loss in the sum.</summary>
    public required double Weight { get; init; }

    /// <summary>The value of the loss, before the weight.</summary>
    public required double Value { get; init; }

    /// <summary>
    /// The report of the loss. A module of your own returns only a scalar, which is then its one term. Null if the part's input is not [N,
    /// D] with a label for each row.
    /// </summary>
    public LossReport? Report { get; init; }
}
