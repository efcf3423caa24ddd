namespace MetricLearning;

/// <summary>A row of another class that is similar to a given row, the anchor, together with a positive of the anchor.</summary>
/// <param name="Anchor">The row.</param>
/// <param name="Positive">A row of its class.</param>
/// <param name="Negative">The row of another class.</param>
/// <param name="PositiveSimilarity">The cosine of anchor and positive.</param>
/// <param name="NegativeSimilarity">The cosine of anchor and negative.</param>
/// <remarks>Thread safety: immutable; any number of threads may use it at once.</remarks>
public readonly record struct HardNegative(long Anchor, long Positive, long Negative, double PositiveSimilarity, double NegativeSimilarity)
{
    /// <summary>The rows as <see cref="FixedTripletsSampler"/> takes them.</summary>
    public (long Anchor, long Positive, long Negative) Triplet => (Anchor, Positive, Negative);
}
