namespace MetricLearning;

/// <summary>The counts that ROC and its figures need: the distinct distances of matching pairs, ascending, how many pairs of both kinds lie
/// at and below each, and some order statistics of the non-matching pairs.</summary>
internal sealed class PairCounts
{
    public required string Distance { get; init; }

    /// <summary>The distinct distances of matching pairs, ascending.</summary>
    public required double[] Values { get; init; }

    /// <summary>How many matching pairs lie at each.</summary>
    public required long[] Equal { get; init; }

    /// <summary>How many non-matching pairs lie below each.</summary>
    public required long[] OthersBelow { get; init; }

    /// <summary>How many non-matching pairs lie at each.</summary>
    public required long[] OthersEqual { get; init; }

    public required long Others { get; init; }

    /// <summary>The order statistics of non-matching distances that were asked for, by their rank from 0.</summary>
    public required IReadOnlyDictionary<long, OrderStatistic> Ordered { get; init; }

    public long Matching => Equal.Sum();
}

/// <summary>A non-matching distance, and how many pairs of both kinds lie strictly below it.</summary>
internal readonly record struct OrderStatistic(double Value, long OthersBelow, long MatchingBelow);
