namespace MetricLearning;

/// <summary>The position of a schedule. A checkpoint saves it, so that a run can resume.</summary>
/// <param name="Iteration">The number of iterations that are done, at least 0.</param>
/// <param name="Epoch">The last epoch that <see cref="LearningRateSchedule.StartEpoch"/> named, at least 0; 0 if it was never called.
/// Default: 0.</param>
/// <param name="EpochStart">The iteration at which that epoch began, at least 0; null if it was never called.</param>
/// <remarks>Thread safety: immutable; any number of threads may use it at once.</remarks>
/// <exception cref="ArgumentOutOfRangeException">A number is negative.</exception>
public readonly record struct ScheduleState(long Iteration, int Epoch = 0, long? EpochStart = null)
{
    /// <summary>The number of iterations that are done.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The number is negative.</exception>
    public long Iteration { get; init => field = Guard.AtLeast(value, 0); } = Guard.AtLeast(Iteration, 0);

    /// <summary>The last epoch that <see cref="LearningRateSchedule.StartEpoch"/> named; 0 if it was never called.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The number is negative.</exception>
    public int Epoch { get; init => field = Guard.AtLeast(value, 0); } = Guard.AtLeast(Epoch, 0);

    /// <summary>The iteration at which that epoch began; null if <see cref="LearningRateSchedule.StartEpoch"/> was never
    /// called.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The number is negative.</exception>
    public long? EpochStart { get; init => field = NotNegative(value); } = NotNegative(EpochStart);

    private static long? NotNegative(long? value) => value is { } given ? Guard.AtLeast(given, 0, nameof(EpochStart)) : null;
}
