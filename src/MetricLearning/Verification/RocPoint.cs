namespace MetricLearning;

/// <summary>A point of the ROC: what happens where pairs at a distance of at most the threshold are accepted.</summary>
/// <param name="Threshold">The distance; −∞ accepts nothing.</param>
/// <param name="FalsePositiveRate">The share of non-matching pairs that are accepted: the false match rate.</param>
/// <param name="TruePositiveRate">The share of matching pairs that are accepted.</param>
public readonly record struct RocPoint(double Threshold, double FalsePositiveRate, double TruePositiveRate);
