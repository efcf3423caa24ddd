using MetricLearning.Conformance;
using MetricLearning.Testing;

namespace MetricLearning.Tests;

/// <summary>The reference cases of losses and miners, where they are at hand.</summary>
public class GoldenTests
{
    [Theory]
    [InlineData("cross_entropy", 35), InlineData("reid_triplet", 60), InlineData("tfa_triplet", 30)]
    [InlineData("reid_aqe", 2), InlineData("rerank", 4)]
    [InlineData("pml_classification", 18), InlineData("pml_losses", 52), InlineData("pml_losses_mined", 16), InlineData("pml_miners", 27)]
    public void Family_MeetsTheReferenceValues(string family, int atLeast)
    {
        var verdicts = Directory.EnumerateFiles(SharedData.Require("golden", family), "case.json", SearchOption.AllDirectories)
            .Select(file => new GoldenCase(Path.GetDirectoryName(file)!))
            .Select(golden => (Case: golden, Verdict: Families.Check(golden))).ToList();
        Assert.Empty(verdicts.Where(v => v.Verdict.Outcome == Outcome.Failed).Select(v => $"{v.Case}: {v.Verdict.Reason}"));
        Assert.InRange(verdicts.Count(v => v.Verdict.Outcome == Outcome.Passed), atLeast, int.MaxValue);
    }
}
