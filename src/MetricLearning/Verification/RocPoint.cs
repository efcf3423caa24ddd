namespace MetricLearning;

/// <summary>A point of the ROC: the rates if pairs at a distance of at most the threshold are accepted.</summary>
/// <remarks>Thread safety: immutable; any number of threads may use it at once.</remarks>
/// <param name="Threshold">The distance; −∞ accepts no pair.</param>
/// <param name="FalsePositiveRate">The share of non-matching pairs that are accepted: the false match rate.</param>
/// <param name="TruePositiveRate">The share of matching pairs that are accepted.</param>
public readonly record struct RocPoint(double Threshold, double FalsePositiveRate, double TruePositiveRate);
