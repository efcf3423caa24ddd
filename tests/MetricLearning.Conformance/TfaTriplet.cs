namespace MetricLearning.Conformance;

/// <summary>TensorFlow Addons' triplet losses.</summary>
public static class TfaTriplet
{
    public static Verdict Check(GoldenCase golden)
    {
        var margin = golden.Param("margin")!.Value.GetDouble();
        var distance = golden.Param("distance")!.Value.GetString() switch
        {
            "L2" => Distance.Euclidean,
            "squared-L2" => Distance.EuclideanSquared,
            "angular" => Distance.Cosine,
            var other => throw new NotSupportedException($"distance {other}"),
        };
        using MetricLoss loss = golden.Name.StartsWith("semihard", StringComparison.Ordinal)
            ? new TripletSemiHardLoss(margin) { Distance = distance }
            : new TripletHardLoss(margin) { Distance = distance, Soft = golden.Flag("soft") };
        return LossCase.Check(golden, c => loss.call(c.Embeddings, c.Labels));
    }
}
