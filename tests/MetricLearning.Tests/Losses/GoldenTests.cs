using MetricLearning.Conformance;
using MetricLearning.Testing;

namespace MetricLearning.Tests;

/// <summary>Tests the reference cases of losses, miners and metrics, if they are available.</summary>
public class GoldenTests
{
    [Theory]
    [InlineData("cross_entropy", 35), InlineData("reid_triplet", 60), InlineData("tfa_triplet", 30)]
    [InlineData("pml_classification", 80), InlineData("pml_losses", 193), InlineData("pml_losses_mined", 54), InlineData("pml_miners", 129)]
    [InlineData("clustering", 12), InlineData("oml_metrics", 12), InlineData("pml_accuracy", 8), InlineData("reid_rank", 15)]
    [InlineData("reid_aqe", 2), InlineData("rerank", 4)]
    public void Family_MeetsTheReferenceValues(string family, int atLeast)
    {
        var verdicts = Directory.EnumerateFiles(SharedData.Require("golden", family), "case.json", SearchOption.AllDirectories)
            .Select(file => new GoldenCase(Path.GetDirectoryName(file)!))
            .Select(golden => (Case: golden, Verdict: Families.Check(golden))).ToList();
        Assert.Empty(verdicts.Where(v => v.Verdict.Outcome == Outcome.Failed).Select(v => $"{v.Case}: {v.Verdict.Reason}"));
        Assert.InRange(verdicts.Count(v => v.Verdict.Outcome == Outcome.Passed), atLeast, int.MaxValue);
    }
}
