using System.Text.Json;
using MetricLearning.Testing;
using static TorchSharp.torch;

namespace MetricLearning.Tests;

/// <summary>Tests stored features of real images against torchreid's figures for them.</summary>
[LeavesNoTensors]
public class RealFeaturesTests
{
    [Theory]
    [InlineData("market1501-a", "euclidean", RankingMethod.Counting)]
    [InlineData("market1501-a", "cosine", RankingMethod.Counting)]
    [InlineData("market1501-a", "cosine", RankingMethod.Argsort)]
    [InlineData("cuhk03-np-train-dev", "euclidean", RankingMethod.Counting)]
    [InlineData("cuhk03-np-train-dev", "euclidean", RankingMethod.Argsort)]
    [InlineData("cuhk03-np-train-dev", "cosine", RankingMethod.Counting)]
    public void Evaluate_GivesThePublishedFigures(string data, string distance, RankingMethod method)
    {
        var file = SharedData.Require("data", "golden", $"{data}_osnet_x0_25_msmt17.npz");
        using var json = JsonDocument.Parse(File.ReadAllText(SharedData.Require("data", "golden", "metrics.json")));
        var expected = json.RootElement.GetProperty(data).GetProperty("checkpoints").GetProperty("osnet_x0_25_msmt17")
            .GetProperty(distance);
        using var query = Load(file, "query");
        using var gallery = Load(file, "gallery");
        var report = new RetrievalEvaluator { Distance = distance == "cosine" ? Distance.Cosine
            : Distance.Euclidean, Method = method }.Evaluate(query, gallery);
        Assert.Equal(expected.GetProperty("valid_queries").GetInt32(), report.ValidQueries);
        Assert.Equal(expected.GetProperty("mAP").GetDouble(), report.MeanAveragePrecision, 1e-7);
        Assert.Equal(expected.GetProperty("mINP").GetDouble(), report.MeanInverseNegativePenalty, 1e-7);
        foreach (var k in report.CutOffs) Assert.Equal(expected.GetProperty($"rank{k}").GetDouble(), report.RankAt(k), 1e-12);
        Assert.Equal(expected.GetProperty("valid_queries").GetInt32() + report.SkippedQueries, query.Count);
        Assert.Contains(report.SkippedByReason, r => r.Key == SkipReason.OnlyInOwnCamera);
    }

    [Theory]
    [InlineData("market1501-a")]
    [InlineData("cuhk03-np-train-dev")]
    public void Evaluate_IsTheSameToTheBit_InFloat32AndInFloat64(string data)
    {
        var file = SharedData.Require("data", "golden", $"{data}_osnet_x0_25_msmt17.npz");
        using var query = Load(file, "query");
        using var gallery = Load(file, "gallery");
        using var wideQuery = new EmbeddingSet(query.Features.to(ScalarType.Float64), query.Identities, query.Cameras);
        using var wideGallery = new EmbeddingSet(gallery.Features.to(ScalarType.Float64), gallery.Identities, gallery.Cameras);
        foreach (var distance in new[] { Distance.Cosine, Distance.Euclidean, Distance.Dot })
        {
            var evaluator = new RetrievalEvaluator { Distance = distance };
            var (narrow, wide) = (evaluator.Evaluate(query, gallery), evaluator.Evaluate(wideQuery, wideGallery));
            Assert.Equal(narrow.PerQuery.Select(q => (q.AveragePrecision, q.LastMatch)),
                wide.PerQuery.Select(q => (q.AveragePrecision, q.LastMatch)));
            foreach (var sieve in new[] { ScoreSieve.Float32, ScoreSieve.Int16 })
            {
                var other = new RetrievalEvaluator { Distance = distance, Sieve = sieve }.Evaluate(query, gallery);
                Assert.Equal(narrow.PerQuery.Select(q => (q.AveragePrecision, q.LastMatch)),
                    other.PerQuery.Select(q => (q.AveragePrecision, q.LastMatch)));
            }
            var sorted = new RetrievalEvaluator { Distance = distance, Method = RankingMethod.Argsort }.Evaluate(query, gallery);
            Assert.Equal(narrow.PerQuery.Select(q => (q.AveragePrecision, q.LastMatch)),
                sorted.PerQuery.Select(q => (q.AveragePrecision, q.LastMatch)));
        }
    }

    internal static EmbeddingSet Load(string file, string side)
    {
        using var scope = NewDisposeScope();
        using var archive = new NumPyArchive(file);
        return new EmbeddingSet(archive.Read($"{side}_feat"), Whole("pid"), Whole("cam"));

        long[] Whole(string what) => [.. archive.Read($"{side}_{what}").to(ScalarType.Int64).data<long>()];
    }
}
