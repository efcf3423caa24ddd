namespace MetricLearning;

/// <summary>How the ranks of a query's matches are found. Both methods give the same figures bit for bit.</summary>
public enum RankingMethod
{
    /// <summary>The scores before each match are counted, a tile at a time, and never sorted: memory stays within the budget for any size
    /// of the gallery.</summary>
    Counting,

    /// <summary>Each query's whole row of scores is sorted on the device of the features, a block of queries at a time.</summary>
    Argsort,
}
