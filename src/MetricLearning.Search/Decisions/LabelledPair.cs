namespace MetricLearning.Search;

/// <summary>The score of a pair of which it is known whether both are the same.</summary>
/// <remarks>Thread safety: immutable; any number of threads may use it at once.</remarks>
/// <param name="Score">The score, as a search gives it.</param>
/// <param name="Same">Whether both are the same.</param>
public readonly record struct LabelledPair(double Score, bool Same)
{
    /// <summary>Who or what the first one shows. Pairs that share an identity are not independent, and intervals must know it. Default:
    /// null, the pair shares nothing with others.</summary>
    public long? First { get; init; }

    /// <summary>Who or what the second one shows. Default: null, the pair shares nothing with others.</summary>
    public long? Second { get; init; }
}
