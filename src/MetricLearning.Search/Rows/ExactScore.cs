namespace MetricLearning.Search;

/// <summary>Computes the exact score of one row for one query, in float64.</summary>
internal static unsafe class ExactScore
{
    /// <summary>The length of a vector.</summary>
    public static double Norm(ReadOnlySpan<float> vector) => Math.Sqrt(Square(vector));

    /// <summary>The square of the length of a vector.</summary>
    public static double Square(ReadOnlySpan<float> vector)
    {
        fixed (float* start = vector) return Square(start, vector.Length);
    }

    /// <summary>The square of the length of a vector.</summary>
    public static double Square(float* vector, int width) => ExactScores.Dot(vector, vector, width);

    /// <summary>The score, larger is nearer: the cosine, the dot product, or the negative square of the Euclidean distance.</summary>
    /// <param name="metric">The metric.</param>
    /// <param name="query">The query.</param>
    /// <param name="querySquare">The square of its length.</param>
    /// <param name="row">A row of the same width.</param>
    public static double Of(SearchMetric metric, ReadOnlySpan<float> query, double querySquare, ReadOnlySpan<float> row)
    {
        fixed (float* q = query, r = row)
            return Of(metric, row.Length, q, querySquare, r, metric == SearchMetric.Cosine ? Square(r, row.Length) : 1);
    }

    /// <summary>The same score for known squares of the lengths; only the cosine needs them.</summary>
    /// <remarks>The cosine is rounded at several places, so it may leave [−1, 1] by a few units of the last digit; it is put back. The root
    /// of a square is exact in float64, and so equal vectors have a cosine of exactly 1. With the product of two roots they would
    /// not.</remarks>
    public static double Of(SearchMetric metric, int width, float* query, double querySquare, float* row, double rowSquare) => metric switch
    {
        SearchMetric.Cosine => Math.Clamp(ExactScores.Dot(query, row, width) / Math.Sqrt(querySquare * rowSquare), -1, 1),
        SearchMetric.Dot => ExactScores.Dot(query, row, width),
        _ => -ExactScores.SquaredDistance(query, row, width),
    };

    /// <summary>The score that callers see: the cosine, the dot product or the Euclidean distance.</summary>
    public static double Shown(SearchMetric metric, double score) => metric == SearchMetric.Euclidean ? Math.Sqrt(-score) : score;
}
