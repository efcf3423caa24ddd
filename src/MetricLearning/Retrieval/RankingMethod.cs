namespace MetricLearning;

/// <summary>How the ranks of a query's matches are found. Both methods give the same figures bit for bit.</summary>
public enum RankingMethod
{
    /// <summary>Counts the scores before each match, a tile at a time, without sorting. Memory stays within the budget for any size of the
    /// gallery.</summary>
    Counting,

    /// <summary>Sorts each query's whole row of scores on the device of the features, a block of queries at a time.</summary>
    Argsort,
}
