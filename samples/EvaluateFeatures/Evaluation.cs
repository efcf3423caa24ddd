using System.Globalization;
using System.Text.Json.Nodes;

namespace EvaluateFeatures;

/// <summary>Evaluates the features, prints the figures, and writes the files that were asked for.</summary>
internal static class Evaluation
{
    public static int Execute(EvaluationSettings settings, CancellationToken cancellationToken)
    {
        Outputs.Check(settings.Json, settings.Csv, settings.Html);
        Outputs.CheckApart([("--json", settings.Json), ("--csv", settings.Csv), ("--html", settings.Html)], settings.Inputs);
        var reader = new FeatureReader { Names = settings.Names };
        var (name, otherName) = NamesOf(settings);
        using var run = Run.Of(settings, name, reader, settings.File, cancellationToken);
        using var other = settings.Compare is null ? null : Run.Of(settings, otherName, reader, settings.Compare, cancellationToken);
        Run[] runs = other is null ? [run] : [run, other];
        if (other is not null) CheckSameImages(run, other);
        if (run.Report.ValidQueries == 0) throw new UserErrorException(NoMatches(run));
        var ids = run.Query.Set.Identities;
        var sure = other is null ? Comparison.Table(run.PerQuery, ids, cancellationToken)
            : Comparison.Table((run.Name, run.PerQuery), (other.Name, other.PerQuery), ids, cancellationToken);

        foreach (var each in runs) Ui.Line($"{Label(each)}{each.Report}");
        if (runs.Any(each => each.FindsItself))
            Ui.Line("note: The gallery has the features of the queries, so each query finds itself. --protocol self leaves it out.");
        Ui.Table(sure);
        Ui.Line(other is null ? Comparison.NoteOfOne : Comparison.Note);
        foreach (var each in runs)
            foreach (var more in new object?[] { each.CameraPairs, each.Verification })
                if (more is not null) Ui.Line($"\n{Label(each)}{more}");

        if (settings.Json is { } json) Figures.Write(json, Json(run, other, cancellationToken));
        if (settings.Csv is { } csv) PerQueryTable.Write(csv, run, other);
        if (settings.Html is { } html)
        {
            HtmlReport.Write(html.FullName, Page.Of(settings, runs, sure, cancellationToken));
            Ui.Line($"\nReport: {html.FullName}");
        }
        return 0;

        string Label(Run each) => runs.Length == 1 ? "" : $"{each.Name}:\n";
    }

    /// <summary>The names of the models: those of their files, or the whole paths if the files have one name.</summary>
    private static (string First, string Second) NamesOf(EvaluationSettings settings)
    {
        var (first, second) = (settings.File ?? settings.Query!.Features, settings.Compare ?? "");
        var (name, other) = (Path.GetFileNameWithoutExtension(first), Path.GetFileNameWithoutExtension(second));
        return name == other ? (first, second) : (name, other);
    }

    /// <summary>Explains why there are no figures. Another protocol helps only if the protocol removed the matches.</summary>
    private static string NoMatches(Run run) =>
        !run.HasMatches ? $"{run.Report.Explanation} No identity is both a query and in the gallery."
        : run.Report.Protocol.Cameras == CameraFilter.None ? run.Report.Explanation
        : $"{run.Report.Explanation} If cameras do not matter: --protocol none.";

    /// <summary>The figures of the first run with their settings, and those of the second run.</summary>
    private static JsonObject Json(Run run, Run? other, CancellationToken cancellationToken)
    {
        var json = Describe(run, cancellationToken);
        if (other is not null)
        {
            json["other"] = Describe(other, cancellationToken);
            var test = PairedTest.Compare(run.PerQuery.AveragePrecision, other.PerQuery.AveragePrecision, run.Query.Set.Identities,
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
    }

    private static JsonObject Describe(Run run, CancellationToken cancellationToken)
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
        json["intervals"] = new JsonObject
        {
            ["mAP"] = OverIdentities(run.PerQuery.AveragePrecision),
            ["rank1"] = OverIdentities(run.PerQuery.Rank1),
        };
        if (run.Verification is { } verification)
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
        return json;

        JsonObject OverIdentities(IReadOnlyList<double> values) =>
            Interval(new Bootstrap().OverIdentities(values, run.Query.Set.Identities, cancellationToken));
    }

    private static JsonObject Interval(ConfidenceInterval interval) => new()
    {
        ["estimate"] = Figures.Number(interval.Estimate),
        ["low"] = Figures.Number(interval.Low),
        ["high"] = Figures.Number(interval.High),
        ["confidence"] = interval.Confidence,
    };

    /// <summary>Checks that two runs have the same queries in the same order, and the same gallery in any order.</summary>
    private static void CheckSameImages(Run run, Run other)
    {
        // Each row of one set is removed from its own list. In a gallery of its own, it would be found at rank 1.
        if (run.IsOneSet != other.IsOneSet) throw new UserErrorException(
            $"Two runs are compared under one protocol, but {(run.IsOneSet ? run : other).Name} has one set, and "
            + $"{(run.IsOneSet ? other : run).Name} has queries and a gallery.");
        var (a, b) = (run.Query.Set, other.Query.Set);
        if (a.Count != b.Count) throw new UserErrorException(
            $"Two runs are compared query by query, but {run.Name} has {a.Count}, {other.Name} {b.Count}.");
        for (var q = 0; q < a.Count; q++)
            if (a.Identities[q] != b.Identities[q] || a.Cameras?[q] != b.Cameras?[q])
                throw new UserErrorException(string.Create(CultureInfo.InvariantCulture,
                    $"Two runs are compared query by query, but query {q} is {run.Query.Describe(q)} in {run.Name}, and "
                    + $"{other.Query.Describe(q)} in {other.Name}."));
        var (shown, others) = (run.Gallery.Set, other.Gallery.Set);
        if (shown.Count != others.Count || !Sorted(shown).SequenceEqual(Sorted(others))) throw new UserErrorException(
            $"Two runs are compared on one gallery, but the {shown.Count} gallery images of {run.Name} and the {others.Count} of "
            + $"{other.Name} differ in identities or cameras.");

        static IEnumerable<(long Identity, long? Camera)> Sorted(EmbeddingSet set) =>
            Enumerable.Range(0, set.Count).Select(row => (set.Identities[row], set.Cameras?[row])).Order();
    }
}
