using static TorchSharp.torch;

namespace MetricLearning.Conformance;

/// <summary>CMC, mAP and mINP of torchreid and fast-reid from a distance matrix. The peers do not know junk: identity −1 is an identity
/// like any other.</summary>
public static class ReidRank
{
    public static Verdict Check(GoldenCase golden)
    {
        if (golden.Param("fpr") is not null) return ReidRoc.Check(golden);
        if (golden.Param("protocol") is not { } protocol) return Verdict.Skipped(golden.Call);
        var distances = golden.Input("distmat");
        var (queryIdentities, galleryIdentities) = (Numbers(golden.Input("query_pids")), Numbers(golden.Input("gallery_pids")));
        var (queryCameras, galleryCameras) = (Numbers(golden.Input("query_camids")), Numbers(golden.Input("gallery_camids")));
        RetrievalReport Evaluate(RetrievalProtocol rules, RankingMethod method) =>
            new RetrievalEvaluator { Protocol = rules, MaxRank = golden.Param("max_rank")!.Value.GetInt32(), Method = method }
                .Evaluate(distances, queryIdentities, galleryIdentities, queryCameras, galleryCameras);

        var wrong = new List<string>();
        if (protocol.GetString() == "cuhk03")
        {
            var report = Evaluate(RetrievalProtocol.Cuhk03, RankingMethod.Argsort);
            Near("mAP", golden.ExpectedNumber("mAP"), report.MeanAveragePrecision, 1e-12);
            Curve("cmc_expectation", report.Cmc, report, undefinedTail: false);
            var runs = golden.Expected.GetProperty("runs").GetDouble();
            var sampled = Evaluate(RetrievalProtocol.Cuhk03 with { Shots = GalleryShots.SingleSampled, Repeats = (int)runs * 10, Seed = 1 },
                RankingMethod.Argsort);
            var spread = 6 * golden.Expected.GetProperty("cmc_std_of_one_run_max").GetDouble() / Math.Sqrt(runs) + 1e-6;
            for (var k = 0; k < sampled.Cmc.Count; k++) Near($"sampled cmc[{k}]", report.Cmc[k], sampled.Cmc[k], spread);
            return Outcome();
        }
        if (protocol.GetString() != "market1501") return Verdict.Skipped($"protocol {protocol}");
        foreach (var method in Enum.GetValues<RankingMethod>())
        {
            var report = Evaluate(RetrievalProtocol.Market1501 with { JunkIdentity = null }, method);
            foreach (var peer in new[] { "torchreid_py", "torchreid_cy", "fastreid_py", "fastreid_cy" }) Peer(peer, report);
            if (golden.HasOutput("junk_removed_fastreid_py_cmc")) Peer("junk_removed_fastreid_py",
                Evaluate(RetrievalProtocol.Market1501, method));
        }
        return Outcome();

        void Peer(string peer, RetrievalReport report)
        {
            var single = peer.EndsWith("cy", StringComparison.Ordinal) ? 1e-6 : 1e-12;      // Cython counts in float32
            Near($"{peer}_mAP", golden.ExpectedNumber($"{peer}_mAP"), report.MeanAveragePrecision, single);
            Near($"{peer}_mINP", golden.ExpectedNumber($"{peer}_mINP"), report.MeanInverseNegativePenalty, single);
            Near($"{peer}_rank1", golden.ExpectedNumber($"{peer}_rank1"), report.RankAt(1), 1e-6);
            Curve($"{peer}_cmc", report.Cmc, report, undefinedTail: single > 1e-12);
            var valid = report.PerQuery.Where(q => q.Skipped == SkipReason.None).ToArray();
            Values($"{peer}_AP", [.. valid.Select(q => q.AveragePrecision)]);
            Values($"{peer}_INP", [.. valid.Select(q => q.InverseNegativePenalty)]);
        }

        void Near(string name, double? expected, double actual, double tolerance)
        {
            if (expected is { } value && !(Math.Abs(value - actual) <= tolerance)) wrong.Add($"{name} is {actual:R}, not {value:R}");
        }

        // The peers' compiled code does not set the tail of CMC, beyond the images that a query keeps: an earlier query's values remain.
        void Curve(string name, IReadOnlyList<double> actual, RetrievalReport report, bool undefinedTail)
        {
            if (!golden.HasOutput(name)) return;
            var expected = golden.Output(name).data<float>().ToArray();
            var defined = undefinedTail ? Math.Min(expected.Length, report.PerQuery.Where(q => q.Skipped == SkipReason.None)
                .Min(q => q.Candidates)) : expected.Length;
            if (expected.Length != actual.Count) wrong.Add($"{name} has {actual.Count} ranks, not {expected.Length}");
            else for (var k = 0; k < defined; k++) Near($"{name}[{k}]", expected[k], actual[k], 1e-6);
        }

        void Values(string name, double[] actual)
        {
            if (!golden.HasOutput(name)) return;
            var expected = golden.Output(name).data<float>().ToArray();
            if (expected.Length != actual.Length) wrong.Add($"{name} has {actual.Length} values, not {expected.Length}");
            else for (var i = 0; i < actual.Length; i++) Near($"{name}[{i}]", expected[i], actual[i], 1e-6);
        }

        Verdict Outcome() => wrong.Count == 0 ? Verdict.Passed : Verdict.Failed(string.Join("; ", wrong.Take(3)));
    }

    private static long[] Numbers(Tensor values) => values.data<long>().ToArray();
}
