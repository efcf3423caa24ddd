using System.Globalization;
using static TorchSharp.torch;

namespace MetricLearning.Conformance;

/// <summary>open-metric-learning's cmc, precision, map, FNMR@FMR and PCF.</summary>
public static class OmlMetrics
{
    public static Verdict Check(GoldenCase golden) =>
        golden.HasInput("pos_dist") ? CheckFnmr(golden) : golden.HasInput("embeddings") ? CheckPcf(golden)
        : golden.HasInput("query_features") ? CheckRetrieval(golden) : Verdict.Skipped(golden.Call);

    private static Verdict CheckFnmr(GoldenCase golden)
    {
        double[] targets = [.. golden.Param("fmr")!.Value.EnumerateArray().Select(v => v.GetDouble())];
        var report = new VerificationEvaluator { FalseMatchRates = targets }.Evaluate(Values(golden.Input("pos_dist")),
            Values(golden.Input("neg_dist")));
        var wrong = new List<string>();
        foreach (var point in report.OperatingPoints) Near(golden, Name("fnmr@fmr", point.Target), point.FalseNonMatchRateAtQuantile, 1e-7,
            wrong);
        return Outcome(wrong);
    }

    private static Verdict CheckPcf(GoldenCase golden)
    {
        using var embeddings = golden.Input("embeddings");
        var wrong = new List<string>();
        var most = (double)Math.Min(embeddings.size(0), embeddings.size(1)) / embeddings.size(1);
        foreach (var share in golden.Param("pcf_variance")!.Value.EnumerateArray().Select(v => v.GetDouble()))
        {
            var name = Name("pcf", share);
            var expected = golden.ExpectedNumber(name) ?? throw new InvalidDataException($"no {name}");
            // For the whole variance the peer counts one axis too many, unless its float32 sum rounds up.
            var actual = EffectiveDimension.Fraction(embeddings, share);
            if (!(Math.Abs(Math.Min(expected, most) - actual) <= 1e-7)) wrong.Add($"{name} is {actual:R}, not {expected:R}");
        }
        return Outcome(wrong);
    }

    private static Verdict CheckRetrieval(GoldenCase golden)
    {
        var (querySequence, gallerySequence) = golden.HasInput("query_sequence")
            ? (Numbers(golden.Input("query_sequence")), Numbers(golden.Input("gallery_sequence"))) : (null, null);
        using var query = new EmbeddingSet(golden.Input("query_features"), Numbers(golden.Input("query_labels")), querySequence);
        using var gallery = new EmbeddingSet(golden.Input("gallery_features"), Numbers(golden.Input("gallery_labels")), gallerySequence);
        int[] cutOffs = [.. golden.Param("k")!.Value.EnumerateArray().Select(v => v.GetInt32())];
        var report = new RetrievalEvaluator
        {
            Distance = Distance.Euclidean,
            Protocol = RetrievalProtocol.NoFilter with { Cameras = querySequence is null ? CameraFilter.None : CameraFilter.All },
            CutOffs = cutOffs,
        }.Evaluate(query, gallery);
        var wrong = new List<string>();
        foreach (var k in cutOffs)
        {
            // The peer gives a query without matches 0 for cmc and map, and NaN for precision.
            Each($"cmc_at_{k}", q => q.HitsAt(k) > 0 ? 1 : 0, unmatched: 0);
            Each($"precision_at_{k}", q => q.PrecisionAt(k, CutOffDivisor.Reachable), unmatched: double.NaN);
            Each($"map_at_{k}", q => q.AveragePrecisionAt(k, CutOffDivisor.Found), unmatched: 0);
            Near(golden, $"cmc@{k}", report.OverAllQueries.RankAt(k), 1e-6, wrong);
            Near(golden, $"map@{k}", report.OverAllQueries.MeanAveragePrecisionAt(k, CutOffDivisor.Found), 1e-6, wrong);
            Near(golden, $"precision@{k}", report.SkippedQueries > 0 ? double.NaN
                : report.PrecisionAt(k, CutOffDivisor.Reachable), 1e-6, wrong);
        }
        var matches = Numbers(golden.Output("n_gt"));
        for (var q = 0; q < matches.Length; q++)
            if (matches[q] != report.PerQuery[q].Matches) wrong.Add(
                $"query {q} has {report.PerQuery[q].Matches} matches, not {matches[q]}");
        return Outcome(wrong);

        void Each(string name, Func<QueryResult, double> value, double unmatched)
        {
            var expected = golden.Output(name).data<float>().ToArray();
            for (var q = 0; q < expected.Length; q++)
            {
                var actual = report.PerQuery[q].Skipped == SkipReason.None ? value(report.PerQuery[q]) : unmatched;
                if (!Same(expected[q], actual, 1e-6)) wrong.Add($"{name} of query {q} is {actual:R}, not {expected[q]:R}");
            }
        }
    }

    private static void Near(GoldenCase golden, string name, double actual, double tolerance, List<string> wrong)
    {
        var expected = golden.ExpectedNumber(name) ?? throw new InvalidDataException($"no {name}");
        if (!Same(expected, actual, tolerance)) wrong.Add($"{name} is {actual:R}, not {expected:R}");
    }

    private static bool Same(double expected, double actual, double tolerance) =>
        double.IsNaN(expected) ? double.IsNaN(actual) : Math.Abs(expected - actual) <= tolerance;

    private static Verdict Outcome(List<string> wrong) =>
        wrong.Count == 0 ? Verdict.Passed : Verdict.Failed(string.Join("; ", wrong.Take(3)));

    private static string Name(string metric, double value) =>
        string.Create(CultureInfo.InvariantCulture, $"{metric}{(metric == "pcf" ? "@" : "=")}{value}");

    private static double[] Values(Tensor tensor) => tensor.to(ScalarType.Float64).data<double>().ToArray();

    private static long[] Numbers(Tensor tensor) => tensor.data<long>().ToArray();
}
