using System.Diagnostics;

namespace MetricLearning.Benchmarks;

/// <summary>Measures the first calls of cases, as a program meets them: each way of each case in a fresh process.</summary>
/// <remarks>The process has loaded libtorch and made the inputs. It compiles code as .NET does by default, which this program's own
/// settings would change.</remarks>
internal static class ColdReport
{
    private const int Processes = 3;

    /// <summary>Prints a row of Markdown for each case: the medians of <see cref="Processes"/> processes.</summary>
    /// <returns>The exit code: 0 if the library's way was measured for every case, and there is a case.</returns>
    public static int Run(IReadOnlyList<Case> cases)
    {
        Console.WriteLine("| case | first call, ms | naive | calls 2 to 20, ms | times the warm time | naive, times its own "
            + "| methods compiled |");
        Console.WriteLine("|---|---:|---:|---:|---:|---:|---:|");
        var failed = 0;
        foreach (var item in cases)
        {
            var naive = Measure(item, nameof(Work.Naive));
            if (Measure(item, nameof(Work.Ours)) is not { } ours)
            {
                failed++;
                continue;
            }
            var naiveRatio = Cell.Of(naive?.Next / naive?.Warm, "F2");
            Console.WriteLine(FormattableString.Invariant($"| {item.Name} | {ours.First:F1} | {Cell.Of(naive?.First, "F1")} ")
                + FormattableString.Invariant($"| {ours.Next:F2} | {ours.Next / ours.Warm:F2} | {naiveRatio} | {ours.Methods:F0} |"));
        }
        return failed == 0 && cases.Count > 0 ? 0 : 1;
    }

    /// <summary>Does in this process what <see cref="Run"/> asks of a fresh one, and prints the figures.</summary>
    public static int RunOne(Case item, string way)
    {
        using var work = item.Create(Settings.Device);
        if (work.Ways.FirstOrDefault(other => other.Name == way).Run is not { } run) return 2;
        Console.WriteLine(ColdCalls.Measure(run).ToString());
        return 0;
    }

    private static ColdCalls? Measure(Case item, string way)
    {
        var all = Enumerable.Range(0, Processes).Select(_ => InFreshProcess(item, way)).OfType<ColdCalls>().ToList();
        return all.Count == 0 ? null : new(Median(calls => calls.First), Median(calls => calls.Next), Median(calls => calls.Warm),
            Median(calls => calls.Methods));

        double Median(Func<ColdCalls, double> of) => all.Select(of).Order().ElementAt(all.Count / 2);
    }

    /// <summary>The figures of a fresh process; null if the case has no such way, or if the process fails.</summary>
    private static ColdCalls? InFreshProcess(Case item, string way)
    {
        var start = OwnProgram.With("--cold-way", way, "--only", item.Name, "--heavy", "--threads", $"{Settings.Threads}");
        start.RedirectStandardOutput = true;
        start.Environment["DOTNET_TieredPGO"] = "1";
        using var process = Process.Start(start)!;
        var lines = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        if (process.ExitCode == 2) return null;
        if (process.ExitCode != 0) Console.Error.WriteLine($"{item.Name}, {way}: the process ended with {process.ExitCode}.");
        return process.ExitCode == 0 ? ColdCalls.Parse(lines.Trim()) : null;
    }
}
