using System.Globalization;
using System.Net;
using System.Text;

namespace MetricLearning.Samples;

/// <summary>Writes one HTML page that needs no other file: style, charts and images are inside.</summary>
internal static class HtmlReport
{
    public static void Write(string path, ReportData data)
    {
        var body = new StringBuilder();
        body.Append(CultureInfo.InvariantCulture, $"<header><h1>{T(data.Title)}</h1><p class=lead>{T(data.Lead)}</p></header>");
        Numbers(body, data);
        Comparison(body, data);
        Training(body, data);
        Retrieval(body, data);
        foreach (var table in data.Tables)
        {
            body.Append(CultureInfo.InvariantCulture, $"<section><h2>{T(table.Heading)}</h2>");
            Table(body, table.Heading, table.Rows);
            body.Append(CultureInfo.InvariantCulture, $"<p class=note>{T(table.Note)}</p></section>");
        }
        Space(body, data.Snapshots);
        Rankings(body, data.Snapshots);
        Mistakes(body, data.Snapshots);
        Activations(body, data.Snapshots);
        Data(body, data);
        Settings(body, data);
        var ratio = data.PictureRatio.ToString("0.###", CultureInfo.InvariantCulture);
        TextFile.Write(path, writer => writer.Write($"""
            <!DOCTYPE html>
            <html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
            <title>{T(data.Title)}</title><style>{Style()}</style></head>
            <body><main style="--ratio:{ratio}">{body}<footer>Made by MetricLearning.</footer></main></body></html>
            """));
    }

    private static void Numbers(StringBuilder html, ReportData data)
    {
        var snapshots = data.Snapshots;
        if (snapshots.Count == 0) return;
        var last = snapshots[^1].Figures;
        var first = snapshots.Count > 1 ? snapshots[0].Figures : null;
        html.Append("<section class=tiles>");
        Tile("rank-1", last.Rank1, first?.Rank1, "queries whose nearest image is a match");
        Tile("mAP", last.MAP, first?.MAP, "mean average precision over all matches");
        Tile("rank-5", last.Rank5, first?.Rank5, "queries with a match among the first five");
        Tile("mINP", last.MINP, first?.MINP, "how early the last match of a query is found");
        html.Append("</section><section><h2>Figures</h2>");
        Table(html, "Figures", [["", "rank-1", "rank-5", "rank-10", "mAP", "mAP (trapezoid)", "mINP", "valid queries"],
            .. snapshots.Select(snapshot => (string[])[snapshot.Name, .. FiguresOf(snapshot.Figures)])], "figures");
        html.Append(CultureInfo.InvariantCulture,
            $"<p class=note>{T(data.Rules)} Both conventions of average precision are given: the mean of the "
            + $"precision at each match, and the area by trapezoids.</p></section>");

        static IEnumerable<string> FiguresOf(Figures f) =>
            [.. new[] { f.Rank1, f.Rank5, f.Rank10, f.MAP, f.MAPTrapezoid, f.MINP }.Select(Percent), $"{f.ValidQueries}"];

        void Tile(string name, double now, double? before, string meaning) => html.Append(CultureInfo.InvariantCulture,
            $"<div class=tile><span class=name>{name}</span><span class=value>{Percent(now)}<small> "
                + $"%</small></span>{(before is { } b ? $"<span class=was>{T(snapshots[0].Name)}: {Percent(b)} %</span>" : "")}<span "
                + $"class=meaning>{meaning}</span></div>");
    }

    private static void Comparison(StringBuilder html, ReportData data)
    {
        if (data.Comparison.Count == 0) return;
        html.Append("<section><h2>How sure</h2>");
        Table(html, "How sure", data.Comparison);
        html.Append(CultureInfo.InvariantCulture, $"<p class=note>{T(data.ComparisonNote)}</p></section>");
    }

    private static void Training(StringBuilder html, ReportData data)
    {
        var points = data.Training;
        if (points.Count < 2) return;
        string[] tones = ["--g0", "--g1", "--g2", "--g3"];
        var series = new List<Series> { new("sum", "--ink", [.. points.Select(p => (p.Epoch, p.Loss))]) };
        for (var i = 0; i < points[0].Parts.Count; i++)
            series.Add(new(points[0].Parts[i].Name, tones[i % 4], [.. points.Select(p => (p.Epoch, p.Parts[i].Value))]));
        html.Append("<section><h2>Training</h2><div class=two>");
        Figure(html, "Loss and its parts", new Chart { XLabel = "epoch", YLabel = "loss (mean over batches)", YMin = 0, XMin = 0,
            XMax = points[^1].Epoch }.Lines("loss over epochs", series));
        Figure(html, "Learning rate", new Chart { XLabel = "epoch", YLabel = "learning rate", YMin = 0, XMin = 0, XMax = points[^1].Epoch,
            YFormat = "0.#e-0" }
            .Lines("learning rate over epochs", new Series("learning rate", "--after",
                [.. points.Select(p => (p.Epoch, p.LearningRate))])));
        html.Append("</div></section>");
    }

    private static void Retrieval(StringBuilder html, ReportData data)
    {
        var withCurve = data.Snapshots.Where(s => s.Cmc.Count > 0).ToList();
        if (withCurve.Count == 0) return;
        html.Append("<section><h2>Retrieval</h2><div class=two>");
        Figure(html, "Cumulative match (CMC): answered within k images",
            new Chart { XLabel = "rank k", YLabel = "queries answered, %", YMin = 0, YMax = 100, XMin = 1,
                XMax = withCurve.Max(s => Math.Min(50, s.Cmc.Count)) }.Lines("CMC curve",
                [.. withCurve.Select((s, i) => new Series(s.Name, Tone(i, withCurve.Count),
                    [.. s.Cmc.Take(50).Select((v, k) => (k + 1.0, 100 * v))], Dashed: i < withCurve.Count - 1))]));
        if (data.Progress.Count > 1)
            Figure(html, "On the way: test figures during training", new Chart { XLabel = "epoch", YLabel = "%", YMin = 0, YMax = 100,
                XMin = 0, XMax = data.Progress[^1].Epoch }.Lines("figures over epochs",
                new Series("rank-1", "--after", [.. data.Progress.Select(p => (p.Epoch, 100 * p.Figures.Rank1))]),
                    new Series("mAP", "--g2", [.. data.Progress.Select(p => (p.Epoch, 100 * p.Figures.MAP))], Dashed: true)));
        foreach (var snapshot in withCurve)
        {
            var d = snapshot.Distances;
            var width = (d.High - d.Low) / d.Same.Count;
            IReadOnlyList<(double, double)> Curve(IReadOnlyList<double> shares) =>
                [.. shares.Select((share, i) => (d.Low + (i + 0.5) * width, 100 * share))];
            Figure(html, $"Distances, {snapshot.Name}", new Chart { XLabel = "distance between query and gallery image",
                YLabel = "share of pairs, %", YMin = 0, XMin = d.Low, XMax = d.High }.Lines(
                "histogram of distances", new Series("same identity", "--right", Curve(d.Same), Area: true),
                    new Series("different identities", "--wrong", Curve(d.Different), Area: true, Dashed: true)));
        }
        html.Append("</div></section>");
    }

    private static void Space(StringBuilder html, IReadOnlyList<Snapshot> snapshots)
    {
        if (snapshots.All(s => s.Projection.Count == 0)) return;
        var identities = snapshots.Max(s => s.Projection.Select(p => p.Group).Distinct().Count());
        html.Append(CultureInfo.InvariantCulture,
            $"<section><h2>Embedding space</h2><p class=note>Query and gallery images of {identities} identities, projected on the two "
            + $"directions of largest variance (PCA). One color and mark per identity.</p><div class=two>");
        foreach (var snapshot in snapshots) Figure(html, snapshot.Name,
            Chart.Scatter($"embedding space, {snapshot.Name}", snapshot.Projection));
        html.Append("</div></section>");
    }

    private static void Rankings(StringBuilder html, IReadOnlyList<Snapshot> snapshots)
    {
        var count = snapshots.Count == 0 ? 0 : snapshots.Max(s => s.Rankings.Count);
        if (count == 0) return;
        html.Append(
            "<section class=wide><h2>Ranked lists</h2><p class=note>Left the query, then the nearest gallery images by distance. <span "
            + "class=key-right>✓ green: a match</span>, <span class=key-wrong>✗ red: another identity</span>.</p>");
        for (var q = 0; q < count; q++)
        {
            html.Append("<div class=ranked>");
            foreach (var snapshot in snapshots.Where(s => q < s.Rankings.Count))
            {
                var ranking = snapshot.Rankings[q];
                Row(html, $"ranked list, {snapshot.Name}: {ranking.Query.Caption}");
                if (snapshots.Count > 1) html.Append(CultureInfo.InvariantCulture, $"<div class=when>{T(snapshot.Name)}</div>");
                QueryCard(html, ranking.Query);
                foreach (var found in ranking.Results) FoundCard(html, found);
                html.Append("</div>");
            }
            html.Append("</div>");
        }
        html.Append("</section>");
    }

    /// <summary>Writes the mistakes of the last snapshot.</summary>
    private static void Mistakes(StringBuilder html, IReadOnlyList<Snapshot> snapshots)
    {
        if (snapshots.Count == 0 || snapshots[^1].Mistakes is not { Count: > 0 } mistakes) return;
        html.Append(CultureInfo.InvariantCulture, $"<section class=wide><h2>Mistakes</h2><p class=note>{T(snapshots[^1].Name)}: the "
            + $"identity of the nearest gallery image, where it is not the query’s. The pictures are the nearest such pair.</p>");
        foreach (var mistake in mistakes)
        {
            html.Append("<div class=ranked>");
            Row(html, $"{mistake.Identity} taken for {mistake.TakenFor}");
            html.Append(CultureInfo.InvariantCulture, $"<div class=when>{T(mistake.Identity)} taken for {T(mistake.TakenFor)}<br>"
                + $"{mistake.Count} of {mistake.Queries} queries</div>");
            QueryCard(html, mistake.Query);
            FoundCard(html, new Found(mistake.Found, mistake.Distance, Right: false));
            html.Append("</div></div>");
        }
        html.Append("</section>");
    }

    /// <summary>Begins a row of images, which may be wider than the page. The keyboard can scroll what has a tab index.</summary>
    private static void Row(StringBuilder html, string name) =>
        html.Append(CultureInfo.InvariantCulture, $"<div class=row tabindex=0 role=group aria-label=\"{T(name)}\">");

    private static void QueryCard(StringBuilder html, Thumbnail picture) => Card(html, "query", "query", picture, "query");

    private static void FoundCard(StringBuilder html, Found found)
    {
        var distance = found.Distance.ToString("0.000", CultureInfo.InvariantCulture);
        if (found.Right) Card(html, "right", "match", found.Picture, $"<b>✓</b> {distance}");
        else Card(html, "wrong", "another identity", found.Picture, $"<b>✗</b> {distance}");
    }

    private static void Card(StringBuilder html, string kind, string meaning, Thumbnail picture, string text) => html.Append(
        CultureInfo.InvariantCulture,
        $"<figure class=\"card {kind}\"><img src=\"{Pictures.Inline(picture.Path)}\" alt=\"{meaning}: {T(picture.Caption)}\" "
            + $"title=\"{T(picture.Caption)}\"><figcaption>{text}</figcaption></figure>");

    private static void Activations(StringBuilder html, IReadOnlyList<Snapshot> snapshots)
    {
        var count = snapshots.Count == 0 ? 0 : snapshots.Max(s => s.Activations.Count);
        if (count == 0) return;
        html.Append(
            "<section><h2>Where the network looks</h2><p class=note>Squares of the last feature map summed over its channels, over the "
            + "queries above: blue where there is little, red where the features are strong. One color scale per image.</p><div "
            + "class=looks>");
        for (var q = 0; q < count; q++)
        {
            html.Append("<div class=look>");
            Look(snapshots[0].Activations[q].Picture, Pictures.Inline(snapshots[0].Activations[q].Picture.Path), "query");
            foreach (var snapshot in snapshots)
                Look(snapshot.Activations[q].Picture, Pictures.Inline(snapshot.Activations[q].Overlay), snapshots.Count > 1 ? snapshot.Name
                    : "activation");
            html.Append("</div>");
        }
        html.Append("</div></section>");

        void Look(Thumbnail picture, string source, string text) => html.Append(CultureInfo.InvariantCulture,
            $"<figure class=card><img src=\"{source}\" alt=\"{T(text)}: {T(picture.Caption)}\" "
                + $"title=\"{T(picture.Caption)}\"><figcaption>{T(text)}</figcaption></figure>");
    }

    private static void Data(StringBuilder html, ReportData data)
    {
        if (data.DataStatistics.Count == 0) return;
        html.Append("<section><h2>Data</h2>");
        Table(html, "Data", data.DataStatistics);
        if (data.SamplePictures.Count > 0)
        {
            html.Append("<p class=note>Some identities of the training set, one per row.</p><div class=samples>");
            foreach (var person in data.SamplePictures)
            {
                html.Append("<div class=person>");
                foreach (var picture in person) html.Append(CultureInfo.InvariantCulture,
                    $"<img src=\"{Pictures.Inline(picture.Path)}\" alt=\"{T(picture.Caption)}\" title=\"{T(picture.Caption)}\">");
                html.Append("</div>");
            }
            html.Append("</div>");
        }
        html.Append("</section>");
    }

    private static void Settings(StringBuilder html, ReportData data)
    {
        if (data.Settings.Count > 0)
        {
            html.Append("<section><h2>Settings</h2><dl class=settings>");
            foreach (var (name, value) in data.Settings) html.Append(CultureInfo.InvariantCulture,
                $"<div><dt>{T(name)}</dt><dd>{T(value)}</dd></div>");
            html.Append("</dl></section>");
        }
        if (data.ModelSummary.Length > 0)
            html.Append(CultureInfo.InvariantCulture,
                $"<section><details><summary>Model summary: layers, shapes and "
                + $"parameters</summary><pre>{T(data.ModelSummary)}</pre></details></section>");
    }

    /// <summary>A table whose first row is its header.</summary>
    private static void Table(StringBuilder html, string name, IReadOnlyList<string[]> rows, string style = "plain")
    {
        html.Append(CultureInfo.InvariantCulture,
            $"<div class=scroll tabindex=0 role=group aria-label=\"{T(name)}\"><table class={style}><thead><tr>");
        foreach (var cell in rows[0])
            html.Append(cell.Length == 0 ? "<td></td>" : $"<th scope=col>{T(cell)}</th>");
        html.Append("</tr></thead><tbody>");
        foreach (var row in rows.Skip(1))
        {
            html.Append(CultureInfo.InvariantCulture, $"<tr><th scope=row>{T(row[0])}</th>");
            foreach (var cell in row.Skip(1)) html.Append(CultureInfo.InvariantCulture, $"<td>{T(cell)}</td>");
            html.Append("</tr>");
        }
        html.Append("</tbody></table></div>");
    }

    private static void Figure(StringBuilder html, string caption, string svg) =>
        html.Append(CultureInfo.InvariantCulture, $"<figure class=chart><figcaption>{T(caption)}</figcaption>{svg}</figure>");

    private static string Tone(int index, int count) => index == count - 1 ? "--after" : "--before";
    private static string Percent(double share) => double.IsNaN(share) ? "–" : (100 * share).ToString("0.0", CultureInfo.InvariantCulture);
    private static string T(string text) => WebUtility.HtmlEncode(text);

    private static string Style()
    {
        using var sheet = new StreamReader(typeof(HtmlReport).Assembly.GetManifestResourceStream("report.css")!);
        return sheet.ReadToEnd();
    }
}
