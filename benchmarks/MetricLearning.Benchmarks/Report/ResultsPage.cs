using System.Globalization;
using System.Text;
using MetricLearning.Testing;

namespace MetricLearning.Benchmarks;

/// <summary>Generates the tables and plots from the records, so that they always agree. docs/benchmarks.md gets the plots and the goals of
/// each machine; benchmarks/results gets all tables of each machine.</summary>
internal static class ResultsPage
{
    private const string Begin = "<!-- results: made by --report, do not edit -->";
    private const string End = "<!-- end of results -->";

    private static string PagePath => Path.Combine(Repository.Root, "docs", "benchmarks.md");

    /// <summary>Writes the pages and their plots.</summary>
    public static int Write()
    {
        foreach (var (path, text) in Files())
        {
            File.WriteAllText(path, text);
            Console.WriteLine(path);
        }
        return 0;
    }

    /// <summary>Checks that the pages and their plots agree with the records.</summary>
    /// <returns>The exit code: 0 if all agree.</returns>
    public static int Verify()
    {
        var stale = Files().Where(file => !File.Exists(file.Path) || File.ReadAllText(file.Path) != file.Text)
            .Select(file => file.Path).ToList();
        foreach (var path in stale) Console.WriteLine($"FAILED  {path} is not what the records give; run --report");
        return stale.Count == 0 ? 0 : 1;
    }

    private static IEnumerable<(string Path, string Text)> Files()
    {
        var page = File.ReadAllText(PagePath);
        var (begin, end) = (page.IndexOf(Begin, StringComparison.Ordinal), page.IndexOf(End, StringComparison.Ordinal));
        if (begin < 0 || end < begin) throw new InvalidDataException($"{PagePath} has no place for results: {Begin} ... {End}");
        var results = new StringBuilder();
        foreach (var records in Records.All)
        {
            var name = Path.GetFileNameWithoutExtension(records.Machine.FileName);
            // The tables list the benchmarks. A record without a benchmark would be left out silently.
            if (records.Cases.Keys.FirstOrDefault(key => !CaseTable.ByName.ContainsKey(key)) is { } unknown)
                throw new InvalidDataException(
                    $"{records.Machine.FileName} has a record of '{unknown}', which is not a benchmark; rename or delete it.");
            var plots = Plots(records).Select(plot => (File: $"{name}-{plot.Name}.svg", plot.Name, plot.Svg)).ToList();
            foreach (var (file, _, svg) in plots) yield return (Path.Combine(Repository.Root, "docs", "images", file), svg);
            Summarize(results, records, [.. plots.Select(plot => (plot.Name, plot.File))], $"../benchmarks/results/{name}.md");
            yield return (Path.Combine(Repository.Root, "benchmarks", "results", $"{name}.md"), Tables(records));
        }
        yield return (PagePath, $"{page[..(begin + Begin.Length)]}\n{results}{page[end..]}");
    }

    private static string Title(Records records) =>
        $"{records.Machine.Processor}, {records.Machine.Threads} threads, {records.Machine.FullDevice}";

    private static string Versions(Records records) =>
        $"{records.Versions}; vectors of {records.Machine.Simd}; OMP_WAIT_POLICY {records.WaitPolicy}.";

    /// <summary>The command that made the records, with the OMP_WAIT_POLICY that the environment had.</summary>
    private static string Command(Records records)
    {
        var policy = records.WaitPolicy == Records.NoWaitPolicy ? "" : $"OMP_WAIT_POLICY={records.WaitPolicy} ";
        return $"{policy}dotnet run -c Release --project benchmarks/MetricLearning.Benchmarks -- --record";
    }

    /// <summary>The plots and the goals.</summary>
    private static void Summarize(StringBuilder text, Records records, IReadOnlyList<(string Name, string File)> plots, string tables)
    {
        text.Append(CultureInfo.InvariantCulture, $"""

            ## {Title(records)}

            {Versions(records)}
            Recorded by `{Command(records)}`; [all {records.Cases.Count} cases]({tables}).

            """);
        foreach (var (name, file) in plots) text.Append(CultureInfo.InvariantCulture, $"\n![{name}](images/{file})\n");
        text.Append("""

            | what | goal | measured | reached | ours, ms | peak memory | managed |
            | --- | --- | --- | --- | --- | --- | --- |

            """);
        foreach (var goal in Goal.All)
            if (records.Cases.TryGetValue(goal.Case, out var m) && goal.Judge(m) is var (asked, measured, reached))
                text.Append(CultureInfo.InvariantCulture, $"| {goal.What} | {asked} | {measured} | {(reached ? "yes" : "**no**")} | ")
                    .Append(CultureInfo.InvariantCulture,
                        $"{Figure.Of(m.Ours.Milliseconds)} | {Mebi(m.Ours.PeakBytes)} | {Kibi(m.Ours.ManagedBytes)} |\n");
    }

    /// <summary>All cases of a machine, a table for each category.</summary>
    private static string Tables(Records records)
    {
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"""
            # {Title(records)}

            Made by `--report` from the record beside this file; do not edit. [How it is measured](../../docs/benchmark-method.md).

            {Versions(records)}
            Recorded by `{Command(records)}` ({records.Cases.Count} cases; heavy ones with `--heavy`).

            """);
        foreach (var category in CaseTable.All.GroupBy(item => item.Category))
        {
            var rows = category.Where(item => records.Cases.ContainsKey(item.Name)).ToList();
            if (rows.Count == 0) continue;
            var floors = rows.Where(row => records.Cases[row.Name].Floor is not null).Select(row => row.Floor).Distinct();
            string[] heads =
            [
                "what", "size", "ours, ms", "naive, ms", "ours is … × as fast", $"floor, ms ({string.Join("; ", floors)})",
                "ours is … × the floor", "peak memory, ours / naive", "managed, ours",
            ];
            text.Append(CultureInfo.InvariantCulture, $"""

                ## {char.ToUpperInvariant(category.Key[0])}{category.Key[1..]}

                | {string.Join(" | ", heads)} |
                |{string.Concat(Enumerable.Repeat(" --- |", heads.Length))}

                """);
            foreach (var row in rows) text.Append(Row(row, records.Cases[row.Name]));
        }
        return text.ToString();
    }

    private static string Row(Case item, Measurement m) =>
        $"| {item.What} | {item.Shape} | "
        + $"{Figure.Of(m.Ours.Milliseconds)} | {Figure.Of(m.Naive?.Milliseconds)} | {Figure.Of(1 / m.ToNaive?.Value)} "
        + $"| {Figure.Of(m.Floor?.Milliseconds)} | {Figure.Of(m.ToFloor?.Value)} "
        + $"| {Mebi(m.Ours.PeakBytes)} / {Mebi(m.Naive?.PeakBytes)} | {Kibi(m.Ours.ManagedBytes)} |\n";

    private static string Mebi(long? bytes) =>
        bytes is { } some ? string.Create(CultureInfo.InvariantCulture, $"{some / 1048576.0:F1} MiB") : "–";

    private static string Kibi(long bytes) => string.Create(CultureInfo.InvariantCulture, $"{bytes / 1024.0:F1} KiB");

    private static IEnumerable<(string Name, string Svg)> Plots(Records records)
    {
        const string ours = "#2a7ab9", naive = "#c9772b", suffix = " forward + backward";
        var losses = CaseTable.All
            .Where(item => item.Category == LossWork.Category && item.What.EndsWith(suffix, StringComparison.Ordinal)
                && item.Shape is "1024 x 512" or "256 x 512" or "128 x 512" or "256 x 1000" && records.Cases.ContainsKey(item.Name))
            .GroupBy(item => item.What).Select(group => group.Last())
            .Select(item => (Item: item, Times: 1 / records.Cases[item.Name].ToNaive!.Value.Value)).OrderByDescending(loss => loss.Times)
            .Select(loss => (
                $"{loss.Item.What[..^suffix.Length]}, {loss.Item.Shape.Split(' ')[0]}", loss.Times, loss.Times < 1 ? naive : ours))
            .ToList();
        if (losses.Count > 0)
            yield return ("losses", BarChart.Draw("Losses, forward + backward",
                "times as fast as the naive partner; after the last comma the rows of the batch, D = 512", "×", losses));

        var steps = new List<(string, double, string)>();
        foreach (var rows in new[] { "64 x 2048", "256 x 512", "1024 x 512", "4096 x 512" })
            if (records.Cases.TryGetValue($"losses: batch-hard triplet (fast-reid){suffix}, {rows}", out var m))
            {
                steps.Add(($"ours, {rows}", m.ToFloor!.Value.Value, ours));
                steps.Add(($"naive, {rows}", m.ToFloor.Value.Value / m.ToNaive!.Value.Value, naive));
            }
        if (steps.Count > 0)
            yield return ("batch-hard", BarChart.Draw("Batch-hard triplet loss, forward + backward",
                "time in times of one bare mm of the batch with itself", "×", steps));
    }
}
