using System.Diagnostics;
using System.Globalization;
using System.Runtime;
using static TorchSharp.torch;

namespace MetricLearning.Benchmarks;

/// <summary>The first calls of a way in a process.</summary>
/// <param name="First">The milliseconds of the first call.</param>
/// <param name="Next">The mean of calls 2 to 20, milliseconds.</param>
/// <param name="Warm">The median once all code is compiled for good, milliseconds.</param>
/// <param name="Methods">The methods that the first call compiled.</param>
internal sealed record ColdCalls(double First, double Next, double Warm, double Methods)
{
    private const int Calls = 20;

    private static readonly TimeSpan warmUp = TimeSpan.FromSeconds(2), measured = TimeSpan.FromSeconds(0.5);

    /// <summary>Makes the calls.</summary>
    public static ColdCalls Measure(Func<Tensor[]> way)
    {
        Time(() => []);
        var before = JitInfo.GetCompiledMethodCount();
        var first = Time(way);
        var methods = JitInfo.GetCompiledMethodCount() - before;
        var next = Enumerable.Range(2, Calls - 1).Sum(_ => Time(way)) / (Calls - 1);
        var start = Stopwatch.GetTimestamp();
        while (Stopwatch.GetElapsedTime(start) < warmUp) Time(way);
        var warm = new List<double>();
        start = Stopwatch.GetTimestamp();
        do warm.Add(Time(way));
        while (Stopwatch.GetElapsedTime(start) < measured);
        return new(first, next, warm.Order().ElementAt(warm.Count / 2), methods);
    }

    /// <summary>Reads what <see cref="ToString"/> has written.</summary>
    public static ColdCalls Parse(string text)
    {
        var numbers = text.Split(' ').Select(number => double.Parse(number, CultureInfo.InvariantCulture)).ToArray();
        return new(numbers[0], numbers[1], numbers[2], numbers[3]);
    }

    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{First:R} {Next:R} {Warm:R} {Methods}");

    private static double Time(Func<Tensor[]> way)
    {
        var start = Stopwatch.GetTimestamp();
        MemoryGauge.Free(way());
        Settings.Synchronize();
        return Stopwatch.GetElapsedTime(start).TotalMilliseconds;
    }
}
