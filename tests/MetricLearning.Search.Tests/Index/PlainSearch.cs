namespace MetricLearning.Search.Tests;

/// <summary>Search as a plain loop in float64, with the sums that <see cref="ExactIndex{TKey}"/> documents.</summary>
internal static class PlainSearch
{
    /// <summary>The k nearest rows: all scores, sorted.</summary>
    public static List<(int Key, double Score)> Nearest(SearchMetric metric, float[] query, IEnumerable<(int Key, float[] Vector)> rows,
        int k)
    {
        var scored = rows.Select(row => (row.Key, Score: Score(metric, query, row.Vector))).ToList();
        scored.Sort((x, y) => x.Score == y.Score ? x.Key.CompareTo(y.Key) : y.Score.CompareTo(x.Score));
        return [.. scored.Take(k).Select(row => (row.Key, metric == SearchMetric.Euclidean ? Math.Sqrt(-row.Score) : row.Score))];
    }

    /// <summary>The score whose order counts: larger is nearer.</summary>
    public static double Score(SearchMetric metric, float[] x, float[] y) => metric switch
    {
        SearchMetric.Cosine => Math.Clamp(Dot(x, y) / Math.Sqrt(Dot(x, x) * Dot(y, y)), -1, 1),
        SearchMetric.Dot => Dot(x, y),
        _ => -Sum(x.Length, i => ((double)x[i] - y[i]) * ((double)x[i] - y[i])),
    };

    private static double Dot(float[] x, float[] y) => Sum(x.Length, i => (double)x[i] * y[i]);

    private static double Sum(int length, Func<int, double> term)
    {
        var (parts, whole, rest) = (new double[16], length / 16 * 16, 0.0);
        for (var i = 0; i < whole; i++) parts[i % 16] += term(i);
        for (var i = whole; i < length; i++) rest += term(i);
        double[] low = [parts[0] + parts[8], parts[1] + parts[9], parts[2] + parts[10], parts[3] + parts[11]];
        double[] high = [parts[4] + parts[12], parts[5] + parts[13], parts[6] + parts[14], parts[7] + parts[15]];
        return (low[0] + low[1] + (low[2] + low[3])) + (high[0] + high[1] + (high[2] + high[3])) + rest;
    }
}
