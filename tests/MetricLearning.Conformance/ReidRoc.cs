using System.Globalization;

namespace MetricLearning.Conformance;

/// <summary>fast-reid's ROC by scikit-learn, over all pairs except those of the same identity and camera.</summary>
public static class ReidRoc
{
    public static Verdict Check(GoldenCase golden)
    {
        var report = new VerificationEvaluator { Protocol = RetrievalProtocol.Market1501 with { JunkIdentity = null } }.Evaluate(
            golden.Input("distmat"),
            Numbers("query_pids"), Numbers("gallery_pids"), Numbers("query_camids"), Numbers("gallery_camids"));
        var wrong = new List<string>();
        Near("pairs", report.MatchingPairs + report.NonMatchingPairs);
        Near("positives", report.MatchingPairs);
        Near("auc", report.AreaUnderCurve);
        foreach (var rate in golden.Param("fpr")!.Value.EnumerateArray().Select(v => v.GetDouble()))
            Near(string.Create(CultureInfo.InvariantCulture, $"tpr_at_fpr_{rate}"), report.TruePositiveRateOfFastReId(rate));
        return wrong.Count == 0 ? Verdict.Passed : Verdict.Failed(string.Join("; ", wrong));

        void Near(string name, double actual)
        {
            var expected = golden.ExpectedNumber(name) ?? throw new InvalidDataException($"no {name}");
            if (!(Math.Abs(expected - actual) <= 1e-12)) wrong.Add($"{name} is {actual:R}, not {expected:R}");
        }

        long[] Numbers(string name) => golden.Input(name).data<long>().ToArray();
    }
}
