namespace MetricLearning.Conformance;

/// <summary>pytorch-metric-learning's losses with a learned vector a class.</summary>
public static class PmlClassification
{
    public static Verdict Check(GoldenCase golden)
    {
        if (!golden.HasInput("weights") || Loss(golden, 1, 1) is not { } probe) return Verdict.Skipped(PmlPieces.LossName(golden));
        probe.Dispose();
        var transposed = golden.Text("weights_layout") == "[dim, classes]";
        return LossCase.Check(golden, c =>
        {
            var loss = c.Keep(Loss(golden, c.Size("weights", transposed ? 1 : 0), c.Size("weights", transposed ? 0 : 1))!);
            c.Load("weights", loss.Weights, transposed);
            return loss.call(c.Embeddings, c.Labels);
        });
    }

    /// <summary>The loss of a case. A new class loss is one line. Null: not here.</summary>
    private static ClassLoss? Loss(GoldenCase golden, int classes, int dimension) => PmlPieces.LossName(golden) switch
    {
        "CosFaceLoss" => new CosFaceLoss(classes, dimension, golden.Param("margin")!.Value.GetDouble(), golden.Param("scale")!.Value.GetDouble()),
        "NormalizedSoftmaxLoss" => new NormalizedSoftmaxLoss(classes, dimension, golden.Param("temperature")!.Value.GetDouble()),
        _ => null,
    };
}
