namespace MetricLearning.Conformance;

/// <summary>The families of cases that the library can compute, and the check of each.</summary>
public static class Families
{
    public static IReadOnlyDictionary<string, Func<GoldenCase, Verdict>> All { get; } = new Dictionary<string, Func<GoldenCase, Verdict>>
    {
        ["clustering"] = Clustering.Check,
        ["cross_entropy"] = CrossEntropy.Check,
        ["oml_metrics"] = OmlMetrics.Check,
        ["pml_accuracy"] = PmlAccuracy.Check,
        ["pml_classification"] = PmlClassification.Check,
        ["pml_losses"] = PmlLosses.Check,
        ["pml_losses_mined"] = PmlLosses.CheckMined,
        ["pml_miners"] = PmlMiners.Check,
        ["reid_aqe"] = ReidRerank.CheckExpansion,
        ["reid_rank"] = ReidRank.Check,
        ["reid_triplet"] = ReidTriplet.Check,
        ["rerank"] = ReidRerank.Check,
        ["tfa_triplet"] = TfaTriplet.Check,
    };

    /// <summary>Checks a case in a dispose scope; an exception is a failure.</summary>
    public static Verdict Check(GoldenCase golden)
    {
        if (!All.TryGetValue(golden.Family, out var check)) return Verdict.Skipped($"family {golden.Family}");
        using var scope = TorchSharp.torch.NewDisposeScope();
        try
        {
            var verdict = check(golden);
            return verdict.Outcome == Outcome.Passed && !golden.IsCompared
                ? Verdict.Failed("it has no result of the peer that the check compares") : verdict;
        }
        catch (Exception e)
        {
            return Verdict.Failed($"{e.GetType().Name}: {e.Message.Split('\n')[0]}");
        }
    }
}
