namespace MetricLearning.Benchmarks;

/// <summary>What one way of a case took: the median over the rounds.</summary>
/// <param name="Milliseconds">Of one call.</param>
/// <param name="PeakBytes">See <see cref="MemoryUse"/>; null where it was not measured.</param>
/// <param name="ManagedBytes">Allocated by one call.</param>
internal sealed record Cost(double Milliseconds, long? PeakBytes, long ManagedBytes);

/// <summary>How one way compares with another: the median of the rounds' ratios, in each of which both ran side by side.</summary>
/// <param name="Value">Time over time; below 1 is faster than the other.</param>
/// <param name="Spread">Half of the range between the quartiles, relative to the median.</param>
internal readonly record struct Ratio(double Value, double Spread);

/// <summary>A measured case.</summary>
internal sealed record Measurement(Cost Ours, Cost? Naive, Cost? Floor, Ratio? ToNaive, Ratio? ToFloor, int Rounds);
