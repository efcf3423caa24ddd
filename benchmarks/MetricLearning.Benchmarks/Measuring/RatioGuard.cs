using System.Diagnostics;

namespace MetricLearning.Benchmarks;

/// <summary>Fails where a ratio to the naive partner or to the floor is worse than the recorded one by more than a margin.</summary>
internal static class RatioGuard
{
    /// <summary>How much worse than recorded a ratio may be; see docs/benchmarks.md for how it was chosen.</summary>
    public const double Margin = 1.5;

    private static readonly Duel duel = new() { RoundMilliseconds = 15, Milliseconds = 1500, MinRounds = 5, MaxRounds = 31 };

    /// <summary>Measures the cases, each that fails once more.</summary>
    /// <returns>The exit code: 0 where all hold.</returns>
    public static int Run(IReadOnlyList<Case> cases)
    {
        var clock = Stopwatch.StartNew();
        var (records, margin) = Find();
        var (held, failures) = (0, new List<string>());
        foreach (var item in cases)
        {
            if (!records.Cases.TryGetValue(item.Name, out var recorded))
            {
                failures.Add($"{item.Name}: it is guarded but not recorded; record it with --record --only \"{item.Name}\"");
                continue;
            }
            using var work = item.Create(Settings.Device);
            var difference = ValueCheck.Compare(item, work);
            var worse = difference is null ? Worse(duel.Measure(work), recorded, margin) : null;
            if (worse is not null)
            {
                Console.WriteLine($"again   {item.Name}: {worse}");
                worse = Worse(duel.Measure(work), recorded, margin);
            }
            if ((difference ?? worse) is { } failure) failures.Add($"{item.Name}: {failure}");
            else held++;
        }
        foreach (var failure in failures) Console.WriteLine($"FAILED  {failure}");
        Console.WriteLine(FormattableString.Invariant(
            $"{held} of {cases.Count} benchmarks hold their recorded ratios within a factor of {margin}, {clock.Elapsed.TotalSeconds:F0} s"));
        return failures.Count == 0 && cases.Count > 0 ? 0 : 1;
    }

    /// <summary>The figures that are worse than recorded, or null.</summary>
    private static string? Worse(Measurement now, Measurement recorded, double margin)
    {
        string?[] worse = [Compare("naive partner", now.ToNaive, recorded.ToNaive), Compare("floor", now.ToFloor, recorded.ToFloor)];
        return worse.All(figure => figure is null) ? null : string.Join("; ", worse.Where(figure => figure is not null));

        string? Compare(string to, Ratio? ratio, Ratio? before) => ratio is { } a && before is { } b && a.Value > b.Value * margin
            ? FormattableString.Invariant($"{a.Value:G3} of the time of its {to}, recorded {b.Value:G3} (factor {a.Value / b.Value:F2}, allowed {margin})")
            : null;
    }

    /// <summary>The records of this machine; where there are none, those of another one, with twice the margin.</summary>
    private static (Records Records, double Margin) Find()
    {
        var all = Records.All;
        if (all.FirstOrDefault(records => records.Machine == Machine.Current) is { } own) return (own, Margin);
        var other = all.FirstOrDefault(records => records.Machine.Device == Machine.Current.Device)
            ?? throw new InvalidOperationException($"Nothing is recorded in {Records.Folder} for {Machine.Current.Device}; use --record.");
        Console.WriteLine($"Nothing is recorded on {Machine.Current}; compared with {other.Machine}, with twice the margin.");
        return (other, 2 * Margin);
    }
}
