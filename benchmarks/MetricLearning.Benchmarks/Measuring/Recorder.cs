namespace MetricLearning.Benchmarks;

/// <summary>Measures cases, with their memory, and writes them into the records of this machine.</summary>
internal static class Recorder
{
    private static readonly Duel duel = new() { RoundMilliseconds = 15, Milliseconds = 1000, MinRounds = 5, MaxRounds = 41, Memory = true };

    public static int Run(IReadOnlyList<Case> cases)
    {
        var records = Records.OfThisMachine;
        var path = records.Save();
        foreach (var item in cases)
        {
            using (var work = item.Create(Settings.Device))
            {
                if (ValueCheck.Compare(item, work) is { } difference) throw new InvalidOperationException($"{item.Name}: {difference}");
                records.Cases[item.Name] = duel.Measure(work);
            }
            Console.WriteLine(Line(item, records.Cases[item.Name]));
            records.Save();
        }
        Console.WriteLine(path);
        return cases.Count > 0 ? 0 : 1;
    }

    private static string Line(Case item, Measurement m) => FormattableString.Invariant($"{item.Name}: {m.Ours.Milliseconds:G4} ms")
        + (m.ToNaive is { } n ? FormattableString.Invariant($", {n.Value:G3} ± {n.Spread:P0} of naive") : "")
        + (m.ToFloor is { } f ? FormattableString.Invariant($", {f.Value:G3} ± {f.Spread:P0} of {item.Floor}") : "")
        + (m.Ours.PeakBytes is { } peak ? FormattableString.Invariant($", peak {peak / 1048576.0:F1} MiB") : "");
}
