using static TorchSharp.torch;

namespace MetricLearning.Conformance;

/// <summary>k-reciprocal re-ranking of torchreid, fast-reid and the paper's code, and fast-reid's query expansion.</summary>
public static class ReidRerank
{
    public static Verdict Check(GoldenCase golden)
    {
        var (k1, k2) = (golden.Param("k1")!.Value.GetInt32(), golden.Param("k2")!.Value.GetInt32());
        var lambda = golden.Param("lambda")!.Value.GetDouble();
        var (mixed, queries, gallery) = (golden.Input("q_g_dist"), golden.Input("q_q_dist"), golden.Input("g_g_dist"));
        var wrong = new List<string>();

        var torchreid = new KReciprocalReranker(k1, k2, lambda) { Dialect = KReciprocalDialect.TorchReId };
        var squares = torchreid.Rerank(mixed, queries, gallery).Matrix();
        Near("final_dist", squares, 5e-6);
        Near("final_dist_from_euclidean", torchreid.Rerank(Root(mixed), Root(queries), Root(gallery)).Matrix(), 5e-6);
        Number("mean", squares.mean().item<float>(), 1e-6);
        var report = new RetrievalEvaluator().Evaluate(squares, Ids("query_pids"), Ids("gallery_pids"), Ids("query_camids"),
            Ids("gallery_camids"));
        Number("rank1", report.RankAt(1), 1e-6);
        Number("mAP", report.MeanAveragePrecision, 1e-6);

        var (x, y) = (golden.Input("query_features"), golden.Input("gallery_features"));
        var fastReid = new KReciprocalReranker(k1, k2, lambda: 0) { Dialect = KReciprocalDialect.FastReId };
        Near("jaccard_fastreid", fastReid.Rerank(x, y).Matrix(), 5e-6);

        // The paper's code stores distances and weights in half precision, so results are close and nearly always in the same order.
        var paper = new KReciprocalReranker(k1, k2, lambda).Rerank(x, y).Matrix();
        if (golden.HasOutput("final_dist_original_float16"))
        {
            var half = golden.Output("final_dist_original_float16");
            var off = (paper - half).abs().mean().item<float>();
            if (!(off < 0.01)) wrong.Add($"final_dist_original_float16 is off by {off} on average");
        }
        return Outcome(wrong);

        void Near(string name, Tensor actual, double tolerance) => ReidRerank.Near(golden, name, actual, tolerance, wrong);

        void Number(string name, double actual, double tolerance)
        {
            if (golden.ExpectedNumber(name) is { } expected && !(Math.Abs(expected - actual) <= tolerance))
                wrong.Add($"{name} is {actual:R}, not {expected:R}");
        }

        long[] Ids(string name) => golden.Input(name).data<long>().ToArray();

        static Tensor Root(Tensor squared) => squared.clamp_min(0).sqrt();
    }

    public static Verdict CheckExpansion(GoldenCase golden)
    {
        using var query = Set("query_features");
        using var gallery = Set("gallery_features");
        var expansion = new QueryExpansion(golden.Param("qe_k")!.Value.GetInt32(), golden.Param("alpha")!.Value.GetDouble())
        {
            Times = golden.Param("qe_times")!.Value.GetInt32(),
        };
        var (expandedQuery, expandedGallery) = expansion.ExpandAll(query, gallery);
        var wrong = new List<string>();
        using (expandedQuery) Near(golden, "query_expanded", expandedQuery.Features, 2e-6, wrong);
        using (expandedGallery) Near(golden, "gallery_expanded", expandedGallery.Features, 2e-6, wrong);
        return Outcome(wrong);

        EmbeddingSet Set(string name)
        {
            var features = golden.Input(name);
            return new EmbeddingSet(features, new long[features.size(0)]);
        }
    }

    private static void Near(GoldenCase golden, string name, Tensor actual, double tolerance, List<string> wrong)
    {
        if (!golden.HasOutput(name)) return;
        var expected = golden.Output(name);
        if (!expected.shape.SequenceEqual(actual.shape)) { wrong.Add($"{name} has another shape"); return; }
        var most = Math.Max(1, expected.abs().max().item<float>());
        var off = (expected - actual).abs().max().item<float>();
        if (!(off <= tolerance * most)) wrong.Add($"{name} is off by {off}");
    }

    private static Verdict Outcome(List<string> wrong) => wrong.Count == 0 ? Verdict.Passed : Verdict.Failed(string.Join("; ", wrong));
}
