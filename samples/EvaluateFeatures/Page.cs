using System.Globalization;

namespace EvaluateFeatures;

/// <summary>The content of the HTML report.</summary>
internal static class Page
{
    private const int ShownQueries = 12, ShownPictures = 10;

    /// <param name="settings">What was evaluated.</param>
    /// <param name="runs">One model, or two models on the same images.</param>
    /// <param name="sure">The table of intervals.</param>
    /// <param name="cancellationToken">Cancels the work.</param>
    public static ReportData Of(EvaluationSettings settings, IReadOnlyList<Run> runs, IReadOnlyList<string[]> sure,
        CancellationToken cancellationToken)
    {
        var run = runs[0];
        var rows = SomeQueries(run);
        var report = run.Report;
        return new ReportData
        {
            Title = string.Join(" and ", runs.Select(each => each.Name)),
            Lead = string.Create(CultureInfo.InvariantCulture,
                $"{report.ValidQueries:N0} of {report.PerQuery.Count:N0} queries against {report.GalleryCount:N0} "
                + $"gallery images, {report.Distance} distance. {report.Explanation}"),
            Rules = $"Protocol: {report.Protocol}.",
            Snapshots = [.. runs.Select(each => SnapshotOf(settings, each, rows, cancellationToken))],
            Comparison = sure,
            ComparisonNote = runs.Count == 1 ? Comparison.NoteOfOne : Comparison.Note,
            Tables = [.. TablesOf("Figures over valid and over all queries", each => Figures(each.Report),
                    _ => "A query without a match left is not valid; over all queries it counts as one that found nothing."),
                .. TablesOf("Pairs of cameras", each => each.CameraPairs is { } pairs ? PairRows(pairs) : null,
                    _ => "Rank-1, and the number of queries with a match. Rows are cameras of the query, columns are cameras of the "
                        + "gallery; – if no query has a match."),
                .. TablesOf("Verification", each => each.Verification is { } pairs ? PairRows(pairs) : null,
                    each => VerificationNote(each.Verification!)),
            ],
            DataStatistics = [["", "images", "identities", "cameras"], Statistics("query", run.Query.Set),
                Statistics("gallery", run.Gallery.Set)],
            Settings =
            [
                ("distance", report.Distance), ("ties", report.Ties.ToString()), ("feature length", $"{run.Query.Set.Features.size(1)}"),
                ("re-ranking", settings.Reranking?.ToString() ?? "none"), ("multi-query", settings.MultiQuery?.ToString() ?? "no"),
            ],
        };

        // A table of each model that has one. With two models the heading says whose it is.
        IEnumerable<(string Heading, IReadOnlyList<string[]> Rows, string Note)> TablesOf(string heading,
            Func<Run, IReadOnlyList<string[]>?> rowsOf, Func<Run, string> note) =>
            from each in runs
            let table = rowsOf(each)
            where table is not null
            select (runs.Count == 1 ? heading : $"{heading}: {each.Name}", table, note(each));
    }

    private static Snapshot SnapshotOf(EvaluationSettings settings, Run run, IReadOnlyList<int> queries,
        CancellationToken cancellationToken) => new()
    {
        Name = run.Name,
        Figures = run.Figures,
        Cmc = run.Report.Cmc,
        Distances = EmbeddingPlots.Histogram(run.Query.Set, run.Gallery.Set, run.Report.Protocol, settings.Distance,
            cancellationToken),
        Projection = EmbeddingPlots.Plane(run.Query.Set, run.Gallery.Set, settings.Distance),
        Rankings = settings.Images is { } folder ? Rankings(folder, run, queries, cancellationToken) : [],
    };

    private static IReadOnlyList<string[]> Figures(RetrievalReport report)
    {
        return
        [
            ["%", "valid queries", "all queries"],
            .. report.CutOffs.Where(k => k <= report.Cmc.Count).Select(k => Row($"rank-{k}", f => f.RankAt(k))),
            Row("mAP", f => f.MeanAveragePrecision), Row("mAP (trapezoid)", f => f.MeanAveragePrecisionTrapezoid),
                Row("mINP", f => f.MeanInverseNegativePenalty),
            Row("R-precision", f => f.RPrecision), Row("MAP@R", f => f.MeanAveragePrecisionAtR), Row("MRR", f => f.MeanReciprocalRank),
            Row("nDCG", f => f.MeanNormalizedDiscountedGain),
        ];

        string[] Row(string name, Func<RetrievalFigures, double> value) =>
            [name, Number(value(report.OverValidQueries)), Number(value(report.OverAllQueries))];

        static string Number(double share) => double.IsNaN(share) ? "–" : (100 * share).ToString("0.00", CultureInfo.InvariantCulture);
    }

    private static IReadOnlyList<string[]> PairRows(CameraPairReport pairs) =>
    [
        ["%", .. pairs.GalleryCameras.Select(camera => $"{camera}")],
        .. pairs.QueryCameras.Select(row => (string[])[$"camera {row}", .. pairs.GalleryCameras.Select(column =>
            pairs[row, column] is { ValidQueries: > 0 } report
                ? $"{Ui.Percent(report.RankAt(1))} ({report.ValidQueries})" : "–")]),
    ];

    private static IReadOnlyList<string[]> PairRows(VerificationReport verification) =>
    [
        ["false match rate", "accept below", "95 % interval", "true match rate, %"],
        .. verification.OperatingPoints.Select(point => new[]
        {
            Text(point.Target), Text(point.Threshold), Text(point.ThresholdInterval),
            (100 * point.TruePositiveRate).ToString("0.00", CultureInfo.InvariantCulture),
        }),
    ];

    private static string VerificationNote(VerificationReport verification) => string.Create(CultureInfo.InvariantCulture,
        $"{verification.MatchingPairs:N0} matching and {verification.NonMatchingPairs:N0} other pairs")
        + (verification.OperatingPoints.Count == 0 ? "; without pairs of both kinds there are no rates."
            : string.Create(CultureInfo.InvariantCulture,
                $"; AUC {verification.AreaUnderCurve:F4}, equal error rate {100 * verification.EqualErrorRate:F2} %."));

    private static string[] Statistics(string name, EmbeddingSet set) =>
        [name, $"{set.Count}", $"{set.Identities.Distinct().Count()}", set.Cameras is null ? "–" : $"{set.Cameras.Distinct().Count()}"];

    /// <summary>Draws queries with a match at random, the same ones on each run.</summary>
    private static IReadOnlyList<int> SomeQueries(Run run)
    {
        int[] rows = [.. run.Report.PerQuery.Where(query => query.Skipped == SkipReason.None).Select(query => query.Query)];
        new SeededRandom(1).Shuffle<int>(rows);
        return [.. rows.Take(ShownQueries).Order()];
    }

    private static IReadOnlyList<Ranking> Rankings(DirectoryInfo folder, Run run, IReadOnlyList<int> queries,
        CancellationToken cancellationToken)
    {
        var lists = run.Evaluator.Rank(run.Query.Set, run.Gallery.Set, ShownPictures, cancellationToken: cancellationToken);
        var files = new ImageFolder(folder);
        return [.. queries.Select(query => new Ranking(Picture(run.Query, query), [.. lists[query].Indices.Select((row, i) =>
            new Found(Picture(run.Gallery, row), lists[query].Distances[i], lists[query].IsMatch[i]))]))];

        Thumbnail Picture(FeatureSet set, int row)
        {
            var name = set.Files?[row] ?? throw new UserErrorException(
                "--images needs the images' names in the file (query_files, gallery_files, or paths).");
            return new Thumbnail(files.Find(name), $"{name}: {set.Describe(row)}");
        }
    }

    /// <summary>An interval of distances. An end is infinite if there are too few pairs to bound it.</summary>
    private static string Text(ConfidenceInterval interval) => (double.IsFinite(interval.Low), double.IsFinite(interval.High)) switch
    {
        (true, true) => $"{Text(interval.Low)} to {Text(interval.High)}",
        (true, false) => $"from {Text(interval.Low)}",
        (false, true) => $"up to {Text(interval.High)}",
        _ => "too few pairs",
    };

    private static string Text(double value) =>
        double.IsPositiveInfinity(value) ? "∞" : value.ToString("G4", CultureInfo.InvariantCulture);
}
