using static TorchSharp.torch.nn;

namespace MetricLearning.Conformance;

/// <summary>The triplet losses of torchreid, reid-strong-baseline and fast-reid, and the losses that go with them.</summary>
public static class ReidTriplet
{
    public static Verdict Check(GoldenCase golden)
    {
        var kind = golden.Name.Split("__")[0];
        var margin = golden.Param("margin")?.GetDouble() ?? 0;
        var soft = golden.Flag("soft_margin");
        TupleLoss? loss = kind.Split('_') switch
        {
            ["torchreid", ..] => TripletLoss.BatchHard(BatchHardDialect.TorchReId, margin),
            ["rsb", ..] => TripletLoss.BatchHard(BatchHardDialect.StrongBaseline, margin, soft),
            ["fastreid", "hard", ..] =>
                TripletLoss.BatchHard(golden.Flag("norm_feat") ? BatchHardDialect.FastReIdNormalized
                    : BatchHardDialect.FastReId, margin, soft),
            ["fastreid", "weighted", ..] => new WeightedTripletLoss(margin)
            {
                Distance = golden.Flag("norm_feat") ? Distance.EuclideanSquared.Normalized() : Distance.EuclideanClamped,
            },
            ["fastreid", "circle", ..] => new CircleLoss(margin, golden.Param("gamma")!.Value.GetDouble()) { Reducer = Reducer.Mean },
            ["fastreid", "cosface", ..] => new PairwiseCosFaceLoss(margin, golden.Param("gamma")!.Value.GetDouble()),
            _ => null,
        };
        if (kind == "center_loss") return LossCase.Check(golden, Center);
        if (loss is null) return Verdict.Skipped(kind);
        using (loss)
            return LossCase.Check(golden, c => loss.call(golden.Flag("normalize") ? functional.normalize(c.Embeddings)
                : c.Embeddings, c.Labels));
    }

    private static TorchSharp.torch.Tensor Center(LossCase c)
    {
        var loss = c.Keep(new CenterLoss(c.Size("centers", 0), c.Size("centers", 1)));
        c.Load("centers", loss.Centers);
        return loss.call(c.Embeddings, c.Labels);
    }
}
