namespace MetricLearning;

/// <summary>The counts that ROC and its figures need: the distinct distances of matching pairs, ascending, the numbers of pairs of both
/// kinds at and below each, and some order statistics of the non-matching pairs.</summary>
internal sealed class PairCounts
{
    public required string Distance { get; init; }

    /// <summary>The distinct distances of matching pairs, ascending.</summary>
    public required double[] Values { get; init; }

    /// <summary>The number of matching pairs that lie at each.</summary>
    public required long[] Equal { get; init; }

    /// <summary>The number of non-matching pairs that lie below each.</summary>
    public required long[] OthersBelow { get; init; }

    /// <summary>The number of non-matching pairs that lie at each.</summary>
    public required long[] OthersEqual { get; init; }

    public required long Others { get; init; }

    /// <summary>The requested order statistics of non-matching distances, by their rank from 0.</summary>
    public required IReadOnlyDictionary<long, OrderStatistic> Ordered { get; init; }

    public long Matching => Equal.Sum();
}

/// <summary>A non-matching distance, and the numbers of pairs of both kinds strictly below it.</summary>
internal readonly record struct OrderStatistic(double Value, long OthersBelow, long MatchingBelow);
