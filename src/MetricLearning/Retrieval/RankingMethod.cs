namespace MetricLearning;

/// <summary>How the ranks of a query's matches are found. Both ways give the same figures to the bit.</summary>
public enum RankingMethod
{
    /// <summary>Tiles of scores are counted, never sorted: memory stays within the budget whatever the size of the gallery.</summary>
    Counting,

    /// <summary>Each query's whole row of scores is sorted on the device of the features, a block of queries at a time.</summary>
    Argsort,
}
