namespace MetricLearning;

/// <summary>All that ROC and its figures need: the distinct distances of matching pairs, ascending, and how many pairs of both kinds lie
/// at and below each. Of non-matching pairs some order statistics besides.</summary>
internal sealed class PairCounts
{
    public required string Distance { get; init; }

    /// <summary>Distances of matching pairs, in units of the distance.</summary>
    public required double[] Values { get; init; }

    /// <summary>How many matching pairs lie at each.</summary>
    public required long[] Equal { get; init; }

    /// <summary>How many non-matching pairs lie below each.</summary>
    public required long[] OthersBelow { get; init; }

    /// <summary>How many non-matching pairs lie at each.</summary>
    public required long[] OthersEqual { get; init; }

    public required long Others { get; init; }

    /// <summary>The non-matching distance of a rank, from 0, among those that were asked for; with the number of others below it, and of
    /// matching pairs below it.</summary>
    public required IReadOnlyDictionary<long, OrderStatistic> Ordered { get; init; }

    public long Matching => Equal.Sum();
}

/// <summary>A non-matching distance and how many pairs lie truly below it.</summary>
internal readonly record struct OrderStatistic(double Value, long OthersBelow, long MatchingBelow);
