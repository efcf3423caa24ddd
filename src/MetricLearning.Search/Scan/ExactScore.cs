namespace MetricLearning.Search;

/// <summary>The exact score of one row for one query, as an index computes it.</summary>
internal static unsafe class ExactScore
{
    /// <summary>The length of a vector, in float64.</summary>
    public static double Norm(ReadOnlySpan<float> vector)
    {
        fixed (float* p = vector) return Math.Sqrt(ExactScores.Dot(p, p, vector.Length));
    }

    /// <summary>The score by <see cref="RowSet.Score"/>, whose order counts: larger is nearer.</summary>
    /// <param name="metric">What is compared.</param>
    /// <param name="query">The query.</param>
    /// <param name="queryNorm">Its length.</param>
    /// <param name="row">A row of the same width.</param>
    public static double Of(SearchMetric metric, ReadOnlySpan<float> query, double queryNorm, ReadOnlySpan<float> row)
    {
        fixed (float* q = query, r = row)
            return metric switch
            {
                SearchMetric.Cosine => ExactScores.Dot(q, r, row.Length) / (queryNorm * Norm(row)),
                SearchMetric.Dot => ExactScores.Dot(q, r, row.Length),
                _ => -ExactScores.SquaredDistance(q, r, row.Length),
            };
    }

    /// <summary>The score that callers see: the cosine, the dot product or the Euclidean distance.</summary>
    public static double Shown(SearchMetric metric, double score) => metric == SearchMetric.Euclidean ? Math.Sqrt(-score) : score;
}
