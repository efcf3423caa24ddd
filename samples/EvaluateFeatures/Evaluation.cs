using System.Globalization;
using System.Text.Json.Nodes;

namespace EvaluateFeatures;

/// <summary>Evaluates the features, prints the figures, and writes the files that were asked for.</summary>
internal static class Evaluation
{
    public static int Execute(EvaluationSettings settings, CancellationToken cancellationToken)
    {
        Outputs.Check(settings.Json, settings.Csv, settings.Html);
        var reader = new FeatureReader { Names = settings.Names };
        using var run = Run.Of(settings, reader, settings.File, cancellationToken);
        using var other = settings.Compare is null ? null : Run.Of(settings, reader, settings.Compare, cancellationToken);
        if (other is not null) CheckSameImages(run, other);
        if (run.Report.ValidQueries == 0) throw new UserErrorException(NoMatches(run));
        var ids = run.Query.Set.Identities;
        var sure = other is null ? Comparison.Table(run.PerQuery, ids, cancellationToken)
            : Comparison.Table((run.Name, run.PerQuery), (other.Name, other.PerQuery), ids, cancellationToken);
        var pairs = settings.CameraPairs ? run.ByCameraPair(cancellationToken) : null;
        var verification = settings.Verification ? run.Verify(cancellationToken) : null;

        Ui.Line(run.Report.ToString());
        if (other is not null) Ui.Line($"{other.Name}:\n{other.Report}");
        Ui.Table(sure);
        Ui.Line(other is null ? Comparison.NoteOfOne : Comparison.Note);
        if (pairs is not null) Ui.Line($"\n{pairs}");
        if (verification is not null) Ui.Line($"\n{verification}");

        if (settings.Json is { } json) Figures.Write(json, Json(run, other, verification, cancellationToken));
        if (settings.Csv is { } csv) PerQueryTable.Write(csv, run, other);
        if (settings.Html is { } html)
        {
            HtmlReport.Write(html.FullName, Page.Of(settings, run, other, sure, pairs, verification, cancellationToken));
            Ui.Line($"\nReport: {html.FullName}");
        }
        return 0;
    }

    /// <summary>Explains why there are no figures. Another protocol helps only if the protocol removed the matches.</summary>
    private static string NoMatches(Run run) =>
        !run.HasMatches ? $"{run.Report.Explanation} No identity is both a query and in the gallery."
        : run.Report.Protocol.Cameras == CameraFilter.None ? run.Report.Explanation
        : $"{run.Report.Explanation} If cameras do not matter: --protocol none.";

    /// <summary>The figures of the first run with their settings, and those of the second run.</summary>
    private static JsonObject Json(Run run, Run? other, VerificationReport? verification, CancellationToken cancellationToken)
    {
        var json = Describe(run);
        json["intervals"] = new JsonObject
        {
            ["mAP"] = OverIdentities(q => q.AveragePrecision),
            ["rank1"] = OverIdentities(q => q.FirstMatch <= 1 ? 1 : 0),
        };
        if (verification is not null)
            json["verification"] = new JsonObject
            {
                ["areaUnderCurve"] = Figures.Number(verification.AreaUnderCurve),
                ["equalErrorRate"] = Figures.Number(verification.EqualErrorRate),
                ["operatingPoints"] = new JsonArray([.. verification.OperatingPoints.Select(point => new JsonObject
                {
                    ["falseMatchRate"] = point.Target,
                    ["threshold"] = Figures.Number(point.Threshold),
                    ["truePositiveRate"] = Figures.Number(point.TruePositiveRate),
                })]),
            };
        if (other is not null)
        {
            json["other"] = Describe(other);
            var test = PairedTest.Compare(Precisions(run), Precisions(other), run.Query.Set.Identities,
                cancellationToken: cancellationToken);
            json["differenceOfMAP"] = new JsonObject
            {
                ["difference"] = Interval(test.Difference),
                ["permutationP"] = Figures.Number(test.PermutationP),
                ["studentP"] = Figures.Number(test.StudentP),
                ["wilcoxonP"] = Figures.Number(test.WilcoxonP),
                ["identities"] = test.Count,
            };
        }
        return json;

        JsonObject OverIdentities(Func<QueryResult, double> figure) =>
            Interval(new Bootstrap().OverIdentities(run.Report, figure, run.Query.Set.Identities, cancellationToken));
    }

    private static JsonObject Describe(Run run)
    {
        var report = run.Report;
        var json = Figures.Of(report).ToJson();
        json["name"] = run.Name;
        json["protocol"] = report.Protocol.ToString();
        json["distance"] = report.Distance;
        json["ties"] = report.Ties.ToString();
        json["queries"] = report.PerQuery.Count;
        json["gallery"] = report.GalleryCount;
        json["skipped"] = new JsonObject(report.SkippedByReason.Select(
            reason => KeyValuePair.Create(reason.Key.ToString(), (JsonNode?)reason.Value)));
        json["mAPOverAllQueries"] = Figures.Number(report.OverAllQueries.MeanAveragePrecision);
        json["rPrecision"] = Figures.Number(report.RPrecision);
        json["mAPAtR"] = Figures.Number(report.MeanAveragePrecisionAtR);
        json["mrr"] = Figures.Number(report.MeanReciprocalRank);
        json["cmc"] = new JsonArray([.. report.Cmc.Select(Figures.Number)]);
        return json;
    }

    private static JsonObject Interval(ConfidenceInterval interval) => new()
    {
        ["estimate"] = Figures.Number(interval.Estimate),
        ["low"] = Figures.Number(interval.Low),
        ["high"] = Figures.Number(interval.High),
        ["confidence"] = interval.Confidence,
    };

    private static double[] Precisions(Run run) => [.. run.Report.PerQuery.Select(query => query.AveragePrecision)];

    /// <summary>Checks that two runs have the same queries in the same order, and the same gallery in any order.</summary>
    private static void CheckSameImages(Run run, Run other)
    {
        var (a, b) = (run.Query.Set, other.Query.Set);
        if (a.Count != b.Count) throw new UserErrorException(
            $"Two runs are compared query by query, but {run.Name} has {a.Count}, {other.Name} {b.Count}.");
        for (var q = 0; q < a.Count; q++)
            if (a.Identities[q] != b.Identities[q] || a.Cameras?[q] != b.Cameras?[q])
                throw new UserErrorException(string.Create(CultureInfo.InvariantCulture,
                    $"Two runs are compared query by query, but query {q} is identity "
                    + $"{a.Identities[q]}, camera {a.Cameras?[q]} in {run.Name}, but identity {b.Identities[q]}, camera {b.Cameras?[q]} "
                        + $"in {other.Name}."));
        var (shown, others) = (run.Gallery.Set, other.Gallery.Set);
        if (shown.Count != others.Count || !Sorted(shown).SequenceEqual(Sorted(others))) throw new UserErrorException(
            $"Two runs are compared on one gallery, but the {shown.Count} gallery images of {run.Name} and the {others.Count} of "
            + $"{other.Name} differ in identities or cameras.");

        static IEnumerable<(long Identity, long? Camera)> Sorted(EmbeddingSet set) =>
            Enumerable.Range(0, set.Count).Select(row => (set.Identities[row], set.Cameras?[row])).Order();
    }
}
