namespace MetricLearning.Search.Benchmarks;

/// <summary>Scores by a plain loop in float64.</summary>
internal static class PlainScore
{
    /// <summary>The cosine of the angle between two vectors.</summary>
    public static double Cosine(ReadOnlySpan<float> x, ReadOnlySpan<float> y)
    {
        var (dot, first, second) = (0.0, 0.0, 0.0);
        for (var i = 0; i < x.Length; i++)
            (dot, first, second) = (dot + (double)x[i] * y[i], first + (double)x[i] * x[i], second + (double)y[i] * y[i]);
        return dot / (Math.Sqrt(first) * Math.Sqrt(second));
    }
}
