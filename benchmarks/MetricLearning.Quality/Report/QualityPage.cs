using System.Globalization;
using System.Text;
using MetricLearning.Samples;
using MetricLearning.Testing;

namespace MetricLearning.Quality;

/// <summary>Writes what was measured between the markers of docs/quality.md, and writes its plots to docs/images.</summary>
internal static class QualityPage
{
    private const string Begin = "<!-- made by --report: begin -->", End = "<!-- made by --report: end -->";
    private static readonly string page = Path.Combine(Repository.Root, "docs", "quality.md");

    public static int Write()
    {
        var tables = Enum.GetValues<DataKind>().Select(kind => KindResults.Read(KindResults.PathOf(kind))).OfType<KindResults>()
            .Select(results => new KindTable(results)).ToList();
        var text = new StringBuilder();
        Filled(text, tables);
        Losses(text, tables);
        Heads(text, tables);
        Curves(text, tables);
        var old = File.ReadAllText(page);
        var (from, to) = (old.IndexOf(Begin, StringComparison.Ordinal), old.IndexOf(End, StringComparison.Ordinal));
        if (from < 0 || to < from) throw new InvalidDataException($"{page} lacks the lines {Begin} and {End}.");
        Replace(page, $"{old[..from]}{Begin}\n\n{text}\n{old[to..]}");
        foreach (var table in tables)
            if (Plot(table) is { } svg)
                Replace(Path.Combine(Repository.Root, "docs", "images", PlotName(table)), svg);
        Console.WriteLine($"wrote {page}");
        return 0;
    }

    private static void Replace(string path, string contents) =>
        AtomicFile.Write(path, stream => stream.Write(Encoding.UTF8.GetBytes(contents)));

    /// <summary>How much of the table is filled, and on which machine it was measured.</summary>
    private static void Filled(StringBuilder text, List<KindTable> tables)
    {
        text.Append("| data | pictures | filled | machine | date |\n| --- | --- | --- | --- | --- |\n");
        foreach (var table in tables)
        {
            var asked = EntryTable.All.Where(entry => entry.Suits(table.Results.Kind)).ToList();
            text.Append(CultureInfo.InvariantCulture, $"| {NameOf(table)} | {table.Results.Budget} | ")
                .Append(CultureInfo.InvariantCulture, $"{asked.Count(entry => table.Has(entry.Name))} of {asked.Count} entries | ")
                .Append(CultureInfo.InvariantCulture, $"{table.Results.Machine}; {table.Results.Versions} | {table.Results.Date} |\n");
        }
    }

    private static void Losses(StringBuilder text, List<KindTable> tables)
    {
        text.Append(CultureInfo.InvariantCulture,
            $"\n### Losses, miners and batches\n\n| entry |{Cells(tables, table => $" {NameOf(table)}: mAP | rank-1 |")}\n")
            .Append(CultureInfo.InvariantCulture, $"| --- |{Cells(tables, _ => " --- | --- |")}\n");
        var names = Controls.All.Keys
            .Concat(EntryTable.All.Where(entry => entry.Group == EntryGroup.Losses).Select(entry => entry.Name))
            .Where(name => tables.Any(table => table.Has(name)))
            .OrderByDescending(name => tables.Count(table => table.Has(name)))
            .ThenByDescending(name => tables.Where(table => table.Has(name)).Average(table => table.Mean(name).Estimate));
        foreach (var name in names)
            text.Append(CultureInfo.InvariantCulture, $"| {name} |{Cells(tables, table => Cell(table, name))}\n");
    }

    private static string Cell(KindTable table, string name)
    {
        if (!table.Has(name)) return " | |";
        var mean = table.Mean(name);
        var bold = table.MayBeBest(name) ? "**" : "";
        var best = table.Best == name ? " (best on validation)" : "";
        return FormattableString.Invariant($" {bold}{Percent(mean)}{bold}{best} | {100 * table.Rank1(name):F1} |");
    }

    private static void Heads(StringBuilder text, List<KindTable> tables)
    {
        var heads = EntryTable.All.Where(entry => entry.Group == EntryGroup.Heads && tables.Any(table => table.Has(entry.Name))).ToList();
        if (heads.Count == 0) return;
        text.Append("\n### Heads\n\nThe change of mAP against the same loss without a neck, with average pooling, on rows as they are; ")
            .Append("the p value is corrected over the column.\n\n")
            .Append(CultureInfo.InvariantCulture, $"| loss: head |{Cells(tables, table => $" {NameOf(table)} | p |")}\n")
            .Append(CultureInfo.InvariantCulture, $"| --- |{Cells(tables, _ => " --- | --- |")}\n");
        var tests = tables.Select(table => Tests(table, [.. heads.Select(head => head.Name)])).ToList();
        foreach (var head in heads)
            text.Append(CultureInfo.InvariantCulture, $"| {head.Name} |{Cells(tests, tests => tests.TryGetValue(head.Name, out var test)
                ? FormattableString.Invariant($" {Points(test.Difference):+0.0;-0.0;0.0} | {test.P:0.0000} |") : " | |")}\n");
    }

    /// <summary>A difference in percentage points as it is shown. It is rounded before it is formatted, so that no sign stands before a
    /// 0.</summary>
    private static double Points(double difference) => Math.Round(100 * difference, 1) + 0.0;

    private static Dictionary<string, (double Difference, double P)> Tests(KindTable table, IReadOnlyList<string> heads)
    {
        var seen = heads.Where(head => table.Has(head) && table.Has(Basis(head))).ToList();
        var tests = seen.Select(head => table.Compare(Basis(head), head)).ToList();
        var adjusted = MultipleComparisons.Holm([.. tests.Select(test => test.PermutationP)]);
        return seen.Index().ToDictionary(one => one.Item, one => (tests[one.Index].Difference.Estimate, adjusted[one.Index]));

        static string Basis(string head) => head[..head.IndexOf(':', StringComparison.Ordinal)];
    }

    private static void Curves(StringBuilder text, List<KindTable> tables)
    {
        var curves = EntryTable.All.Where(entry => entry.Group == EntryGroup.Curves && tables.Any(table => table.Has(entry.Name))).ToList();
        if (curves.Count == 0) return;
        text.Append("\n### How many pictures, how many people\n\n")
            .Append(CultureInfo.InvariantCulture, $"| loss: learns from |{Cells(tables, table => $" {NameOf(table)}: mAP |")}\n")
            .Append(CultureInfo.InvariantCulture, $"| --- |{Cells(tables, _ => " --- |")}\n");
        foreach (var entry in curves.Select(curve => curve.TunedAs!).Distinct()
            .SelectMany(name => curves.Where(curve => curve.TunedAs == name).Select(curve => curve.Name).Append(name)))
            text.Append(CultureInfo.InvariantCulture, $"| {(entry.Contains(':', StringComparison.Ordinal) ? entry : $"{entry}: all")} |")
                .Append(Cells(tables, table => table.Has(entry) ? $" {Percent(table.Mean(entry))} |" : " |")).Append('\n');
        foreach (var table in tables)
            if (Plot(table) is not null)
                text.Append(CultureInfo.InvariantCulture,
                    $"\n![mAP against the pictures of the training set, {NameOf(table)}](images/{PlotName(table)})\n");
    }

    /// <summary>The plot of mAP against the number of training pictures; null if a point is missing.</summary>
    private static string? Plot(KindTable table)
    {
        string[] tones = ["#2a7ab9", "#7fb3d8", "#c9772b", "#e3b382"];
        var series = new List<Series>();
        foreach (var loss in new[] { EntryTable.Triplet, EntryTable.Softmax })
            foreach (var byPeople in new[] { true, false })
            {
                var points = EntryTable.All.Where(entry => entry.TunedAs == loss && entry.Pictures is null == byPeople)
                    .Select(entry => (entry.Name, Pictures: entry.Pictures is { } few ? (double)few * table.Results.TrainClasses
                        : entry.People * table.Results.TrainPictures))
                    .Append((Name: loss, Pictures: (double)table.Results.TrainPictures)).ToList();
                if (!points.All(point => table.Has(point.Name))) return null;
                series.Add(new($"{(loss == EntryTable.Triplet ? "triplet" : "softmax")}, fewer {(byPeople ? "people" : "pictures")}",
                    tones[series.Count], [.. points.Select(point => (point.Pictures, 100 * table.Mean(point.Name).Estimate))],
                    Dashed: !byPeople));
            }
        var chart = new Chart { XLabel = "pictures of the training set", YLabel = "mAP on unseen identities, %", XMin = 0 }
            .Lines($"mAP against pictures, {NameOf(table)}", [.. series]);
        const string style = """<style>text{font:11px Helvetica,Arial,sans-serif;fill:#444}.grid{stroke:#e5e5e5}.axis,.notch{stroke:#888}"""
            + ".line{fill:none;stroke-width:2}.dashed{stroke-dasharray:5 4}</style><rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>";
        var start = chart.IndexOf('>', StringComparison.Ordinal) + 1;
        var svg = chart[..start].Replace("<svg ", "<svg xmlns=\"http://www.w3.org/2000/svg\" ", StringComparison.Ordinal) + style
            + chart[start..] + "\n";
        foreach (var tone in tones) svg = svg.Replace($"var({tone})", tone, StringComparison.Ordinal);
        return svg;
    }

    private static string PlotName(KindTable table) => $"quality-{table.Results.Kind.ToString().ToLowerInvariant()}.svg";

    private static string NameOf(KindTable table) => table.Results.Kind switch
    {
        DataKind.Features => "stored features", DataKind.Drawings => "Omniglot", _ => "drawn pedestrians",
    };

    private static string Percent(ConfidenceInterval mean) =>
        FormattableString.Invariant($"{100 * mean.Estimate:F1} [{100 * mean.Low:F1}, {100 * mean.High:F1}]");

    private static string Cells<T>(IEnumerable<T> items, Func<T, string> cell) => string.Concat(items.Select(cell));
}
