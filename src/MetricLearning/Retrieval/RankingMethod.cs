namespace MetricLearning;

/// <summary>How the ranks of a query's matches are found. All methods give the same figures bit for bit.</summary>
public enum RankingMethod
{
    /// <summary>Counts, except where queries have so many matches on average that sorting is faster (as with a few classes of many images)
    /// and sorting stays within the memory budget.</summary>
    Automatic,

    /// <summary>Counts the scores before each match, a tile at a time, without sorting. Memory stays within the budget for any size of the
    /// gallery.</summary>
    Counting,

    /// <summary>Sorts each query's whole row of scores, a block of queries at a time.</summary>
    Argsort,
}
