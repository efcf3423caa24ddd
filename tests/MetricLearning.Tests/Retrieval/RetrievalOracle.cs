namespace MetricLearning.Tests;

/// <summary>Computes retrieval in the simplest way: it sorts the list of each query, then walks along it.</summary>
internal static class RetrievalOracle
{
    public static double Key(Distance distance, float[] x, float[] y)
    {
        double dot = 0, xx = 0, yy = 0, square = 0;
        for (var i = 0; i < x.Length; i++)
        {
            dot += (double)x[i] * y[i];
            xx += (double)x[i] * x[i];
            yy += (double)y[i] * y[i];
            square += ((double)x[i] - y[i]) * ((double)x[i] - y[i]);
        }
        return distance == Distance.Cosine ? (dot == 0 ? 0 : -dot / (Math.Sqrt(xx) * Math.Sqrt(yy)))
            : distance == Distance.Dot ? -dot : square;
    }

    /// <summary>Ranks of the matches, from 1.</summary>
    public static int[] Ranks(double[] keys, Func<int, bool> kept, Func<int, bool> match)
    {
        var order = Enumerable.Range(0, keys.Length).Where(kept).OrderBy(j => keys[j]).ThenBy(j => j).ToArray();
        return [.. Enumerable.Range(1, order.Length).Where(rank => match(order[rank - 1]))];
    }

    public static double Precision(int[] ranks) => ranks.Select((rank, i) => (i + 1.0) / rank).Sum() / ranks.Length;

    public static double Trapezoid(int[] ranks) =>
        ranks.Select((rank, i) => ((i + 1.0) / rank + (rank == 1 ? 1 : (double)i / (rank - 1))) / 2).Sum() / ranks.Length;

    public static double PrecisionAtR(int[] ranks) =>
        ranks.Select((rank, i) => rank <= ranks.Length ? (i + 1.0) / rank : 0).Sum() / ranks.Length;
}
