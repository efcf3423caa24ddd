namespace MetricLearning.Conformance;

/// <summary>NMI and AMI of scikit-learn.</summary>
public static class Clustering
{
    public static Verdict Check(GoldenCase golden)
    {
        if (golden.Text("average_method") is not "arithmetic") return Verdict.Skipped($"average_method {golden.Text("average_method")}");
        var (labels, clusters) = (golden.Input("labels").data<long>().ToArray(), golden.Input("cluster_labels").data<long>().ToArray());
        var wrong = new List<string>();
        Near("NMI", ClusterAgreement.NormalizedMutualInformation(labels, clusters));
        Near("AMI", ClusterAgreement.AdjustedMutualInformation(labels, clusters));
        Near("mutual_info_nats", ClusterAgreement.MutualInformation(labels, clusters));
        return wrong.Count == 0 ? Verdict.Passed : Verdict.Failed(string.Join("; ", wrong));

        void Near(string name, double actual)
        {
            if (golden.ExpectedNumber(name) is { } expected && !(Math.Abs(expected - actual) <= 1e-10))
                wrong.Add($"{name} is {actual:R}, not {expected:R}");
        }
    }
}
