using System.Diagnostics;

namespace MetricLearning.Benchmarks;

/// <summary>Measures cases and their memory, and writes each into the records of this machine as soon as it is measured.</summary>
internal static class Recorder
{
    private static readonly Duel duel = new() { RoundMilliseconds = 15, Milliseconds = 600, MinRounds = 3, MaxRounds = 41, Memory = true };

    /// <summary>A case that fails is reported, keeps its earlier record, and does not stop the others.</summary>
    /// <param name="cases">The cases to measure.</param>
    /// <param name="missing">Whether to measure only cases without a record, to continue a run that was stopped.</param>
    /// <returns>The exit code: 0 if all were measured.</returns>
    public static int Run(IReadOnlyList<Case> cases, bool missing)
    {
        var clock = Stopwatch.StartNew();
        var records = Records.OfThisMachine;
        foreach (var name in records.Cases.Keys.Where(name => !CaseTable.ByName.ContainsKey(name)).ToList()) records.Cases.Remove(name);
        if (missing) cases = [.. cases.Where(item => !records.Cases.ContainsKey(item.Name))];
        if (records.WaitPolicy != Records.CurrentWaitPolicy && records.Cases.Keys.Except(cases.Select(item => item.Name)).Any())
        {
            // One file states one policy for all its cases.
            Console.Error.WriteLine($"The records of this machine were made with OMP_WAIT_POLICY {records.WaitPolicy}, and now it is "
                + $"{Records.CurrentWaitPolicy}. Set it as before, or record all cases.");
            return 1;
        }
        var path = records.Save();
        var failed = 0;
        foreach (var (i, item) in cases.Index())
        {
            var start = clock.Elapsed;
            string line;
            try
            {
                line = Measure(item, records);
            }
            catch (Exception e)
            {
                failed++;
                line = $"FAILED: {e.Message}";
            }
            var took = FormattableString.Invariant(
                $"took {(clock.Elapsed - start).TotalSeconds:F1} s, {clock.Elapsed.TotalMinutes:F1} min so far");
            Console.WriteLine($"{i + 1}/{cases.Count} {item.Name}: {line}; {took}");
        }
        Console.WriteLine($"{cases.Count - failed} of {cases.Count} cases recorded in {path}");
        return failed == 0 ? 0 : 1;
    }

    private static string Measure(Case item, Records records)
    {
        using var work = item.Create(Settings.Device);
        if (ValueCheck.Compare(item, work) is { } difference) throw new InvalidDataException(difference);
        var rounds = item.Rounds is { } few ? duel with { MinRounds = few, MaxRounds = few } : duel;
        var measured = records.Cases[item.Name] = rounds.Measure(work);
        records.Save();
        return Line(item, measured);
    }

    private static string Line(Case item, Measurement m) => FormattableString.Invariant($"{m.Ours.Milliseconds:G4} ms")
        + (m.ToNaive is { } n ? FormattableString.Invariant($", {n.Value:G3} ± {n.Spread:P0} of naive") : "")
        + (m.ToFloor is { } f ? FormattableString.Invariant($", {f.Value:G3} ± {f.Spread:P0} of {item.Floor}") : "")
        + (m.Ours.PeakBytes is { } peak ? FormattableString.Invariant($", peak {peak / 1048576.0:F1} MiB") : "");
}
