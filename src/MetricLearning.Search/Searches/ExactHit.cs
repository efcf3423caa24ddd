namespace MetricLearning.Search;

/// <summary>A record that <see cref="ExactSearch{TKey, TRecord}"/> has found, with its score.</summary>
/// <remarks>Thread safety: immutable if the record is.</remarks>
/// <typeparam name="TKey">The type of keys.</typeparam>
/// <typeparam name="TRecord">The type of records.</typeparam>
/// <param name="Key">Its key.</param>
/// <param name="Record">The record.</param>
/// <param name="Score">The cosine, the dot product or the Euclidean distance, in float64.</param>
/// <param name="Labels">The labels of the record.</param>
/// <param name="Verdict">The answer of the decision; null if there is no decision.</param>
/// <param name="RerankedDistance">The distance after re-ranking, by which the re-ranked hits are sorted; null if the hit was not
/// re-ranked.</param>
public readonly record struct ExactHit<TKey, TRecord>(TKey Key, TRecord Record, double Score, RowLabels Labels,
    MatchVerdict? Verdict = null, double? RerankedDistance = null) where TKey : notnull where TRecord : class;
