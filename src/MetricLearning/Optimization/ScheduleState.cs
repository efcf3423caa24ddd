namespace MetricLearning;

/// <summary>Where a schedule stands. Saved in a checkpoint, it resumes.</summary>
/// <param name="Iteration">How many iterations are done.</param>
/// <param name="Epoch">The last epoch that <see cref="LearningRateSchedule.StartEpoch"/> named; 0 where it was never called.</param>
/// <param name="EpochStart">The iteration at which that epoch began; null where it was never called.</param>
public readonly record struct ScheduleState(long Iteration, int Epoch = 0, long? EpochStart = null);
