namespace MetricLearning.Vision;

/// <summary>The source pixels that make each target pixel along one axis, with their weights, as Pillow's Resample.c computes
/// them.</summary>
internal sealed class ResizeWeights
{
    /// <summary>The number of fractional bits of a weight.</summary>
    public const int Precision = 22;

    private readonly int most;
    private readonly (int First, int Count)[] ranges;
    private readonly int[] values;

    public ResizeWeights(int from, int to, ResizeFilter filter)
    {
        From = from;
        var scale = (double)from / to;
        var stretch = Math.Max(scale, 1);
        var (weight, radius) = Of(filter);
        var support = radius * stretch;
        most = (int)Math.Ceiling(support) * 2 + 1;
        ranges = new (int, int)[to];
        values = new int[to * most];
        var taps = new double[most];
        for (var x = 0; x < to; x++)
        {
            var center = (x + 0.5) * scale;
            var first = Math.Max((int)(center - support + 0.5), 0);
            var count = Math.Min((int)(center + support + 0.5), from) - first;
            var total = 0.0;
            for (var i = 0; i < count; i++) total += taps[i] = weight((i + first - center + 0.5) * (1 / stretch));
            for (var i = 0; i < count; i++)
            {
                var share = total != 0 ? taps[i] / total : taps[i];
                values[x * most + i] = (int)((share < 0 ? -0.5 : 0.5) + share * (1 << Precision));
            }
            ranges[x] = (first, count);
        }
    }

    /// <summary>The length of the axis before resizing.</summary>
    public int From { get; }

    public ReadOnlySpan<int> Of(int x, out int first)
    {
        (first, var count) = ranges[x];
        return values.AsSpan(x * most, count);
    }

    /// <summary>The function of a filter, and how far it reaches to each side.</summary>
    private static (Func<double, double> Weight, double Radius) Of(ResizeFilter filter) => filter switch
    {
        ResizeFilter.Bicubic => (Bicubic, 2),
        ResizeFilter.Lanczos => (x => x is >= -3 and < 3 ? Sinc(x) * Sinc(x / 3) : 0, 3),
        ResizeFilter.Box => (x => x is > -0.5 and <= 0.5 ? 1 : 0, 0.5),
        ResizeFilter.Hamming => (Hamming, 1),
        _ => (x => Math.Abs(x) is < 1 and var distance ? 1 - distance : 0, 1),
    };

    private static double Bicubic(double x)
    {
        const double a = -0.5;
        x = Math.Abs(x);
        return x < 1 ? ((a + 2) * x - (a + 3)) * x * x + 1 : x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0;
    }

    private static double Hamming(double x)
    {
        x = Math.Abs(x);
        if (x == 0) return 1;
        if (x >= 1) return 0;
        x *= Math.PI;
        return Math.Sin(x) / x * (0.54f + 0.46f * Math.Cos(x));
    }

    private static double Sinc(double x)
    {
        if (x == 0) return 1;
        x *= Math.PI;
        return Math.Sin(x) / x;
    }
}
