namespace MetricLearning.Conformance;

/// <summary>pytorch-metric-learning's losses with learned vectors, one or more per class.</summary>
public static class PmlClassification
{
    public static Verdict Check(GoldenCase golden)
    {
        if (!golden.HasInput("weights") || Loss(golden, 2, 1) is not { } probe) return Verdict.Skipped(PmlPieces.LossName(golden));
        probe.Dispose();
        var transposed = golden.Text("weights_layout")!.StartsWith("[dim, classes", StringComparison.Ordinal);
        var miner = golden.Text("miner") is { } name ? PmlPieces.MinerOf(name, golden.Params) : null;
        return LossCase.Check(golden, c =>
        {
            var classes = c.Size("weights", transposed ? 1 : 0) / probe.CentersPerClass;
            var loss = c.Keep(Loss(golden, classes, c.Size("weights", transposed ? 0 : 1), miner)!);
            c.Load("weights", loss.Weights, transposed);
            return loss.call(c.Embeddings, golden.HasInput("meta_classes") ? golden.Input("meta_classes") : c.Labels);
        });
    }

    /// <summary>The loss of a case; null if the library has none. A new class loss needs one line.</summary>
    private static ClassLoss? Loss(GoldenCase golden, long classes, long dimension, Miner? miner = null)
    {
        double Number(string name) => golden.Param(name)!.Value.GetDouble();
        double Radians(string name) => double.DegreesToRadians(Number(name));
        return PmlPieces.LossName(golden) switch
        {
            "ArcFaceLoss" => new ArcFaceLoss(classes, dimension, Radians("margin_deg"), Number("scale")) { Miner = miner },
            "CosFaceLoss" => new CosFaceLoss(classes, dimension, Number("margin"), Number("scale")) { Miner = miner },
            "LargeMarginSoftmaxLoss" => new LargeMarginSoftmaxLoss(
                classes, dimension, (int)Number("margin"), Number("scale")) { Miner = miner },
            "ManifoldLoss" => new ManifoldLoss(classes, dimension, Number("lambdaC"), Number("alpha"), Number("margin")),
            "NormalizedSoftmaxLoss" => new NormalizedSoftmaxLoss(classes, dimension, Number("temperature")) { Miner = miner },
            "P2SGradLoss" => new P2SGradLoss(classes, dimension),
            "ProxyAnchorLoss" => new ProxyAnchorLoss(classes, dimension, Number("margin"), Number("alpha")),
            "ProxyNCALoss" => new ProxyNcaLoss(classes, dimension, Number("softmax_scale")) { Miner = miner },
            "SoftTripleLoss" => new SoftTripleLoss(
                classes, dimension, (int)Number("centers_per_class"), Number("la"), Number("gamma"), Number("margin")) { Miner = miner },
            "SphereFaceLoss" => new SphereFaceLoss(classes, dimension, (int)Number("margin"), Number("scale")) { Miner = miner },
            "SubCenterArcFaceLoss" => new SubCenterArcFaceLoss(
                classes, dimension, (int)Number("sub_centers"), Radians("margin_deg"), Number("scale")) { Miner = miner },
            _ => null,
        };
    }
}
