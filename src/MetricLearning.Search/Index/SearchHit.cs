namespace MetricLearning.Search;

/// <summary>A row that a search has found, with its score.</summary>
/// <remarks>Thread safety: immutable; any number of threads may use it at once.</remarks>
/// <typeparam name="TKey">The type of keys.</typeparam>
/// <param name="Key">The key of the row.</param>
/// <param name="Score">The cosine, the dot product or the Euclidean distance, by the index's <see cref="SearchMetric"/>, in float64. Hits
/// are sorted by these scores; for the Euclidean distance they are sorted by its square.</param>
/// <param name="Labels">The labels of the row.</param>
public readonly record struct SearchHit<TKey>(TKey Key, double Score, RowLabels Labels) where TKey : notnull;
