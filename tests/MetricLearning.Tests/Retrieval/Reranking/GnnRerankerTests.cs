using CsCheck;
using MetricLearning.Testing;
using static TorchSharp.torch;

namespace MetricLearning.Tests;

[LeavesNoTensors]
public class GnnRerankerTests
{
    /// <summary>Features without equal angles, so that rounding never decides an order.</summary>
    internal static Gen<RetrievalCase> Untied { get; } = Gen.Select(Gen.Int[0, 12], Gen.Int[1, 70], Gen.ULong)
        .Select((queries, rows, seed) => RetrievalEvaluatorTests.Random(new SeededRandom(seed), queries, rows, 6));

    [Fact]
    public void Rerank_IsTheDenseFormula() =>
        Gen.Select(Untied, Gen.Int[1, 30], Gen.Int[1, 9]).Sample((c, k1, k2) =>
        {
            using var scope = NewDisposeScope();
            using var query = c.QuerySet();
            using var gallery = c.GallerySet();
            var all = nn.functional.normalize(cat([query.Features, gallery.Features]).to(ScalarType.Float64), 2, 1, 1e-12);
            var count = (int)all.size(0);
            var cosine = all.matmul(all.t());
            var (sorted, order) = cosine.neg().sort(dim: 1, descending: false, stable: true);
            var first = order.narrow(1, 0, Math.Min(k1, count));
            var a = zeros(count, count, ScalarType.Float64).scatter_(1, first, ones(first.shape, ScalarType.Float64));
            var passed = zeros(count, count, ScalarType.Float64)
                .scatter_(1, order.narrow(1, 0, Math.Min(k2, count)), sorted.narrow(1, 0, Math.Min(k2, count)).square());
            for (var layer = 0; layer < 2 && k2 > 1; layer++)
                a = nn.functional.normalize(passed.matmul(a + a.t()), 2, 1, 1e-300);
            a = nn.functional.normalize(a, 2, 1, 1e-300);
            var expected = 1 - a.narrow(0, 0, query.Count).matmul(a.narrow(0, query.Count, gallery.Count).t());
            var actual = new GnnReranker(k1, k2).Rerank(query.Features, gallery.Features).Matrix(ScalarType.Float64);
            if (expected.numel() > 0) Assert.True((expected - actual).abs().max().item<double>() < 1e-9);
        }, iter: 60, threads: 1);

    [Fact]
    public void RealFeatures_AreRankedBetter()
    {
        var file = SharedData.Require("data", "golden", "market1501-a_osnet_x0_25_msmt17.npz");
        using var query = RealFeaturesTests.Load(file, "query");
        using var gallery = RealFeaturesTests.Load(file, "gallery");
        var before = new RetrievalEvaluator().Evaluate(query, gallery);
        var after = new RetrievalEvaluator { Reranking = new GnnReranker() }.Evaluate(query, gallery);
        TestContext.Current.TestOutputHelper?.WriteLine(
            $"mAP {before.MeanAveragePrecision:R} -> {after.MeanAveragePrecision:R}, rank-1 {after.RankAt(1):R}");
        Assert.True(after.MeanAveragePrecision > before.MeanAveragePrecision + 0.05);
    }
}
