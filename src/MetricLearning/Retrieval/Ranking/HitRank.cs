namespace MetricLearning;

/// <summary>Where a match stands among the images of other identities: how many are nearer, how many at the same distance have a lower
/// index, and how many are at the same distance.</summary>
internal readonly record struct HitRank(int Nearer, int TiedBefore, int Tied);

/// <summary>What a ranking found for one query: its matches nearest first (ties by index), and how many images the protocol
/// leaves.</summary>
internal readonly record struct QueryHits(SkipReason Skipped, HitRank[] Hits, int Candidates)
{
    /// <summary>The whole list, where the ranking makes one.</summary>
    public SortedRow? List { get; init; }
}

/// <summary>A query's gallery rows nearest first, ties by index, and whether each lies exactly as far as the one before it.</summary>
internal readonly record struct SortedRow(int[] Rows, bool[] TiedToPrevious)
{
    /// <summary>The distance of each, where it was asked for.</summary>
    public double[]? Distances { get; init; }
}
