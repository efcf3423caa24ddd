using System.Diagnostics;
using System.Globalization;

namespace MetricLearning.Search.Benchmarks;

/// <summary>Times of single calls.</summary>
internal static class Timings
{
    /// <summary>Times calls one by one, and prints the median, the 99th percentile and the longest.</summary>
    /// <param name="name">The name of the call.</param>
    /// <param name="calls">The number of calls.</param>
    /// <param name="act">Makes the call with this number.</param>
    /// <returns>The median in milliseconds.</returns>
    public static double Print(string name, int calls, Action<int> act)
    {
        for (var call = 0; call < Math.Min(calls, 20); call++) act(call);
        var times = new double[calls];
        for (var call = 0; call < calls; call++)
        {
            var began = Stopwatch.GetTimestamp();
            act(call);
            times[call] = Stopwatch.GetElapsedTime(began).TotalMilliseconds;
        }
        Array.Sort(times);
        var median = times[calls / 2];
        Line($"{name}: p50 {median:0.00} ms, p99 {times[calls * 99 / 100]:0.00} ms, longest {times[^1]:0.00} ms");
        return median;
    }

    /// <summary>Prints a line.</summary>
    public static void Line(FormattableString text) => Console.WriteLine(text.ToString(CultureInfo.InvariantCulture));

    /// <summary>The memory of this process in MiB, as Linux counts it: the memory that no file backs, and the memory of mapped
    /// files.</summary>
    public static (double Own, double Mapped) Memory()
    {
        var status = File.ReadAllLines("/proc/self/status");
        return (Of("RssAnon"), Of("RssFile"));

        double Of(string name) => double.Parse(status.Single(line => line.StartsWith(name, StringComparison.Ordinal))
            .Split(' ', StringSplitOptions.RemoveEmptyEntries)[^2], CultureInfo.InvariantCulture) / 1024;
    }
}
