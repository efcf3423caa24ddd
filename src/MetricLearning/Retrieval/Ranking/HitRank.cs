namespace MetricLearning;

/// <summary>The rank of a match among the images of other identities.</summary>
/// <param name="Nearer">How many of them are nearer.</param>
/// <param name="TiedBefore">How many are at the same distance and have a lower index.</param>
/// <param name="Tied">How many are at the same distance.</param>
internal readonly record struct HitRank(int Nearer, int TiedBefore, int Tied);

/// <summary>The result of a ranking for one query.</summary>
/// <param name="Skipped">Why it is skipped, or <see cref="SkipReason.None"/>.</param>
/// <param name="Hits">The matches, nearest first, ties by index.</param>
/// <param name="Candidates">How many images the protocol leaves.</param>
internal readonly record struct QueryHits(SkipReason Skipped, HitRank[] Hits, int Candidates)
{
    /// <summary>The list; null if the ranking makes none.</summary>
    public SortedRow? List { get; init; }
}

/// <summary>A query's list.</summary>
/// <param name="Rows">Gallery rows nearest first, ties by index.</param>
/// <param name="TiedToPrevious">Whether each row is at exactly the same distance as the one before it.</param>
internal readonly record struct SortedRow(int[] Rows, bool[] TiedToPrevious)
{
    /// <summary>The distance of each row; null if distances were not asked for.</summary>
    public double[]? Distances { get; init; }
}
