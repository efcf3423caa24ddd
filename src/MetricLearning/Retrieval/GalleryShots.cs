namespace MetricLearning;

/// <summary>How many gallery images of each identity take part in CMC, the cumulative match characteristic.</summary>
public enum GalleryShots
{
    /// <summary>All of them (Market-1501 and similar).</summary>
    All,

    /// <summary>One, drawn at random for each identity and query: CMC is the exact expectation over the draws.</summary>
    SingleExpected,

    /// <summary>One, drawn at random: CMC is the mean over <see cref="RetrievalProtocol.Repeats"/> seeded draws, as in published
    /// code.</summary>
    SingleSampled,
}
