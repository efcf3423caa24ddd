namespace MetricLearning.Benchmarks;

/// <summary>Measures cases alone, and then beside other busy programs.</summary>
internal static class BusyReport
{
    /// <summary>Prints a row of Markdown for each case.</summary>
    /// <param name="cases">The cases.</param>
    /// <param name="neighbors">The number of busy programs. Each of them has one thread.</param>
    /// <returns>The exit code: 0 if there is a case.</returns>
    public static int Run(IReadOnlyList<Case> cases, int neighbors)
    {
        Console.WriteLine($"| case | ours alone, ms | beside {neighbors} busy programs, ms | times as long | naive, times as long "
            + "| ours of naive alone | ours of naive, busy |");
        Console.WriteLine("|---|---:|---:|---:|---:|---:|---:|");
        foreach (var item in cases)
        {
            var duel = new Duel { Milliseconds = 3000, MinRounds = item.Rounds ?? 5 };
            using var work = item.Create(Settings.Device);
            var alone = duel.Measure(work);
            Measurement busy;
            using (new BusyNeighbors(neighbors)) busy = duel.Measure(work);
            Console.WriteLine(FormattableString.Invariant($"| {item.Name} | {alone.Ours.Milliseconds:G3} | {busy.Ours.Milliseconds:G3} ")
                + FormattableString.Invariant($"| {busy.Ours.Milliseconds / alone.Ours.Milliseconds:F1} ")
                + $"| {Cell.Of(busy.Naive?.Milliseconds / alone.Naive?.Milliseconds, "F1")} "
                + $"| {Cell.Of(alone.ToNaive?.Value, "F2")} | {Cell.Of(busy.ToNaive?.Value, "F2")} |");
        }
        return cases.Count > 0 ? 0 : 1;
    }
}
