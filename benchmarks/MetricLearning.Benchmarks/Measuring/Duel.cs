using System.Diagnostics;
using static TorchSharp.torch;

namespace MetricLearning.Benchmarks;

/// <summary>
/// Measures the ways of a case side by side. In each round every way runs briefly in turn, so that other load on the machine affects all of
/// them.
/// </summary>
/// <remarks>
/// In a round, a way runs as many calls as fit into <see cref="RoundMilliseconds"/>. A ratio is computed within each round, and the median
/// over all rounds is reported; times are medians too. The compiler cannot remove the calls, because they call native code and return its
/// results.
/// </remarks>
internal sealed record Duel
{
    /// <summary>The time for which a way runs in a round. It always runs at least one call.</summary>
    public double RoundMilliseconds { get; init; } = 20;

    /// <summary>The time after which a case gets no further rounds, once it has <see cref="MinRounds"/>.</summary>
    public double Milliseconds { get; init; } = 1500;

    /// <summary>The fewest rounds.</summary>
    public int MinRounds { get; init; } = 5;

    /// <summary>The most rounds.</summary>
    public int MaxRounds { get; init; } = 41;

    /// <summary>Whether a separate run measures memory.</summary>
    public bool Memory { get; init; }

    /// <exception cref="InvalidOperationException">A way leaves tensors alive.</exception>
    public Measurement Measure(Work work)
    {
        var ways = work.Ways.Select(way => new Runner(way.Name, way.Run)).ToArray();
        GC.Collect();
        GC.WaitForPendingFinalizers();
        foreach (var way in ways) way.WarmUp(RoundMilliseconds, once: MaxRounds == 1);
        var clock = Stopwatch.StartNew();
        for (var round = 0; round < MinRounds || (clock.Elapsed.TotalMilliseconds < Milliseconds && round < MaxRounds); round++)
        {
            // The order of the ways alternates. A way that always followed the same other way would always find the caches and free memory
            // of that one.
            var order = round % 2 == 0 ? ways : ways.Reverse();
            foreach (var way in order.Where(way => way.Rounds.Count == round)) way.Round();
        }

        Cost? CostOf(string name)
        {
            if (ways.FirstOrDefault(way => way.Name == name) is not { } way) return null;
            var memory = way.Memory ?? (Memory ? MemoryGauge.Measure(way.Run) : default);
            return new(Median(way.Rounds), memory.PeakBytes, memory.ManagedBytes);
        }

        Ratio? RatioTo(string name)
        {
            if (ways.FirstOrDefault(way => way.Name == name) is not { } other) return null;
            double[] ratios = [.. ways[0].Rounds.Zip(other.Rounds, (a, b) => a / b)];
            var median = Median(ratios);
            return new(median, (Quantile(ratios, 0.75) - Quantile(ratios, 0.25)) / 2 / median);
        }

        return new(CostOf(nameof(Work.Ours))!, CostOf(nameof(Work.Naive)), CostOf(nameof(Work.Floor)),
            RatioTo(nameof(Work.Naive)), RatioTo(nameof(Work.Floor)), ways[0].Rounds.Count);
    }

    private static double Median(IEnumerable<double> values) => Quantile(values, 0.5);

    private static double Quantile(IEnumerable<double> values, double share)
    {
        double[] sorted = [.. values.Order()];
        var place = share * (sorted.Length - 1);
        var below = (int)place;
        var above = Math.Min(below + 1, sorted.Length - 1);
        return sorted[below] + (place - below) * (sorted[above] - sorted[below]);
    }

    private sealed class Runner(string name, Func<Tensor[]> run)
    {
        private const double longMilliseconds = 10_000;

        private static readonly TimeSpan warmUp = TimeSpan.FromMilliseconds(200);

        private int calls = 1;

        public string Name => name;

        public Func<Tensor[]> Run => run;

        /// <summary>The milliseconds of a call, for each round.</summary>
        public List<double> Rounds { get; } = [];

        /// <summary>The memory of the call, if there is only one call.</summary>
        public MemoryUse? Memory { get; private set; }

        /// <summary>Runs until the code is fully compiled and the time of a call is known, and determines how many calls make a
        /// round.</summary>
        /// <param name="milliseconds">How long a round should take.</param>
        /// <param name="once">Whether a way that takes many seconds runs only once; this run is then its round and measures its
        /// memory.</param>
        public void WarmUp(double milliseconds, bool once)
        {
            var start = Stopwatch.GetTimestamp();
            var memory = MemoryGauge.Measure(run);
            var shortest = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
            if (once && shortest > longMilliseconds)
            {
                Rounds.Add(shortest);
                Memory = memory;
                return;
            }
            start = Stopwatch.GetTimestamp();
            do shortest = Math.Min(shortest, Time(1));
            while (Stopwatch.GetElapsedTime(start) < warmUp);
            calls = Math.Max(1, (int)(milliseconds / shortest));
        }

        public void Round()
        {
            var live = Tensor.TotalCount;
            Rounds.Add(Time(calls) / calls);
            if (Tensor.TotalCount > live) throw new InvalidOperationException($"{name} left {Tensor.TotalCount - live} tensors alive.");
        }

        private double Time(int count)
        {
            Settings.Synchronize();
            var start = Stopwatch.GetTimestamp();
            for (var i = 0; i < count; i++) MemoryGauge.Free(run());
            Settings.Synchronize();
            return Stopwatch.GetElapsedTime(start).TotalMilliseconds;
        }
    }
}
