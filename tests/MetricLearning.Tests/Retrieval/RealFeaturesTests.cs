using System.Text.Json;
using MetricLearning.Conformance;
using MetricLearning.Testing;

namespace MetricLearning.Tests;

/// <summary>Stored features of real pictures against the figures that torchreid gave for them.</summary>
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
        var expected = json.RootElement.GetProperty(data).GetProperty("checkpoints").GetProperty("osnet_x0_25_msmt17").GetProperty(distance);
        using var query = Load(file, "query");
        using var gallery = Load(file, "gallery");
        var report = new RetrievalEvaluator { Distance = distance == "cosine" ? Distance.Cosine : Distance.Euclidean, Method = method }.Evaluate(query, gallery);
        Assert.Equal(expected.GetProperty("valid_queries").GetInt32(), report.ValidQueries);
        Assert.Equal(expected.GetProperty("mAP").GetDouble(), report.MeanAveragePrecision, 1e-7);
        Assert.Equal(expected.GetProperty("mINP").GetDouble(), report.MeanInverseNegativePenalty, 1e-7);
        foreach (var k in report.CutOffs) Assert.Equal(expected.GetProperty($"rank{k}").GetDouble(), report.RankAt(k), 1e-12);
        Assert.Equal(expected.GetProperty("valid_queries").GetInt32() + report.SkippedQueries, query.Count);
        Assert.Contains(report.SkippedByReason, r => r.Key == SkipReason.OnlyInOwnCamera);
    }

    internal static EmbeddingSet Load(string file, string side)
    {
        using var ids = Npy.Load(file, $"{side}_pid");
        using var cameras = Npy.Load(file, $"{side}_cam");
        return new EmbeddingSet(Npy.Load(file, $"{side}_feat"), ids.data<int>().ToArray().Select(id => (long)id), cameras.data<int>().ToArray().Select(c => (long)c));
    }
}
