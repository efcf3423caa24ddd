namespace MetricLearning.Search;

/// <summary>The score of a pair, and whether both show the same person or thing.</summary>
/// <remarks>Thread safety: immutable; any number of threads may use it at once.</remarks>
/// <param name="Score">The score, as a search gives it.</param>
/// <param name="Same">Whether both show the same person or thing.</param>
public readonly record struct LabelledPair(double Score, bool Same)
{
    /// <summary>The identity of the first one. Pairs that share an identity are not independent, and the intervals take that into account.
    /// Default: null, the pair shares no identity with others.</summary>
    public long? First { get; init; }

    /// <summary>The identity of the second one. Default: null, the pair shares no identity with others.</summary>
    public long? Second { get; init; }
}
