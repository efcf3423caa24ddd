namespace MetricLearning.Search;

/// <summary>Computes the exact score of one row for one query, in float64.</summary>
internal static unsafe class ExactScore
{
    /// <summary>The length of a vector.</summary>
    public static double Norm(ReadOnlySpan<float> vector)
    {
        fixed (float* start = vector) return Norm(start, vector.Length);
    }

    /// <summary>The length of a vector.</summary>
    public static double Norm(float* vector, int width) => Math.Sqrt(ExactScores.Dot(vector, vector, width));

    /// <summary>The score, larger is nearer: the cosine, the dot product, or the negative square of the Euclidean distance.</summary>
    /// <param name="metric">The metric.</param>
    /// <param name="query">The query.</param>
    /// <param name="queryNorm">Its length.</param>
    /// <param name="row">A row of the same width.</param>
    public static double Of(SearchMetric metric, ReadOnlySpan<float> query, double queryNorm, ReadOnlySpan<float> row)
    {
        fixed (float* q = query, r = row)
            return Of(metric, row.Length, q, queryNorm, r, metric == SearchMetric.Cosine ? Norm(r, row.Length) : 1);
    }

    /// <summary>The same score for known lengths; only the cosine needs them.</summary>
    public static double Of(SearchMetric metric, int width, float* query, double queryNorm, float* row, double rowNorm) => metric switch
    {
        SearchMetric.Cosine => ExactScores.Dot(query, row, width) / (queryNorm * rowNorm),
        SearchMetric.Dot => ExactScores.Dot(query, row, width),
        _ => -ExactScores.SquaredDistance(query, row, width),
    };

    /// <summary>The score that callers see: the cosine, the dot product or the Euclidean distance.</summary>
    public static double Shown(SearchMetric metric, double score) => metric == SearchMetric.Euclidean ? Math.Sqrt(-score) : score;
}
