using System.Diagnostics;

namespace MetricLearning.Benchmarks;

/// <summary>Fails if a ratio to the naive partner or to the floor is worse than the recorded ratio by more than a margin.</summary>
internal static class RatioGuard
{
    private const int Attempts = 3;

    /// <summary>The factor on the margins if a case is recorded only on another machine.</summary>
    private const double OtherMachine = 2;

    private static readonly Duel duel = new() { RoundMilliseconds = 15, Milliseconds = 1500, MinRounds = 5, MaxRounds = 31 };

    /// <summary>Measures the cases. Cases that fail are measured again after all others, because other load on the machine may have ended
    /// by then.</summary>
    /// <returns>The exit code: 0 if no ratio is worse.</returns>
    public static int Run(IReadOnlyList<Case> cases)
    {
        var clock = Stopwatch.StartNew();
        if (!Records.All.Any(records => records.Machine == Machine.Current))
            Console.WriteLine(
                $"Nothing is recorded on {Machine.Current}; compared with other machines, with {OtherMachine} times the margins.");
        List<(Case Case, string Failure)> failing = Failing(cases);
        for (var attempt = 1; attempt < Attempts && failing.Count > 0; attempt++)
        {
            foreach (var (item, failure) in failing) Console.WriteLine($"again   {item.Name}: {failure}");
            failing = Failing(failing.Select(failed => failed.Case));
        }
        foreach (var (item, failure) in failing) Console.WriteLine($"FAILED  {item.Name}: {failure}");
        var took = FormattableString.Invariant($"{clock.Elapsed.TotalSeconds:F0} s");
        Console.WriteLine(
            $"{cases.Count - failing.Count} of {cases.Count} benchmarks hold their recorded ratios within their margins, {took}");
        return failing.Count == 0 && cases.Count > 0 ? 0 : 1;

        List<(Case, string)> Failing(IEnumerable<Case> measured) =>
            [.. from item in measured let failure = Failure(item) where failure is not null select (item, failure)];

        string? Failure(Case item)
        {
            if (Recorded(item.Name) is not var (recorded, leeway))
                return $"it is guarded but not recorded; record it with --record --only \"{item.Name}\"";
            using var work = item.Create(Settings.Device);
            return ValueCheck.Compare(item, work) ?? Worse(duel.Measure(work), recorded, item.Margin * leeway);
        }
    }

    /// <summary>Describes the figures that are worse than recorded, or not recorded; null if there are none.</summary>
    private static string? Worse(Measurement now, Measurement recorded, double margin)
    {
        string?[] worse = [Compare("naive partner", now.ToNaive, recorded.ToNaive), Compare("floor", now.ToFloor, recorded.ToFloor)];
        if (now.ToNaive is null && now.ToFloor is null) return "it has neither a naive partner nor a floor to compare with";
        return worse.All(figure => figure is null) ? null : string.Join("; ", worse.Where(figure => figure is not null));

        string? Compare(string to, Ratio? ratio, Ratio? before) => (ratio, before) switch
        {
            (null, _) => null,
            (_, null) => $"its ratio to its {to} is not recorded; record it again",
            ({ } a, { } b) when !(a.Value <= b.Value * margin) =>
                FormattableString.Invariant($"{a.Value:G3} of the time of its {to}, recorded {b.Value:G3} ")
                    + FormattableString.Invariant($"(factor {a.Value / b.Value:F2}, allowed {margin})"),
            _ => null,
        };
    }

    /// <summary>Finds the record of a case on this machine, or else on another machine with the same device, whose margins are
    /// wider.</summary>
    private static (Measurement Recorded, double Leeway)? Recorded(string name) =>
        (from records in Records.All
         where records.Machine.Device == Machine.Current.Device && records.Cases.ContainsKey(name)
         let leeway = records.Machine == Machine.Current ? 1 : OtherMachine
         orderby leeway
         select ((Measurement, double)?)(records.Cases[name], leeway)).FirstOrDefault();
}
