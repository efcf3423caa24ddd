namespace MetricLearning.Benchmarks;

/// <summary>The time and memory of one way of a case: medians over the rounds.</summary>
/// <param name="Milliseconds">The time of one call.</param>
/// <param name="PeakBytes">See <see cref="MemoryUse"/>; null if it was not measured.</param>
/// <param name="ManagedBytes">The managed memory that one call allocates.</param>
internal sealed record Cost(double Milliseconds, long? PeakBytes, long ManagedBytes);

/// <summary>Compares one way with another: the median of the ratios of all rounds.</summary>
/// <param name="Value">The ratio of the times. A ratio below 1 means that this way is faster than the other.</param>
/// <param name="Spread">Half of the interquartile range, relative to the median.</param>
internal readonly record struct Ratio(double Value, double Spread);

/// <summary>A measured case.</summary>
internal sealed record Measurement(Cost Ours, Cost? Naive, Cost? Floor, Ratio? ToNaive, Ratio? ToFloor, int Rounds);
