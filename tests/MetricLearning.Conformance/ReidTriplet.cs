namespace MetricLearning.Conformance;

/// <summary>The triplet losses of torchreid, reid-strong-baseline and fast-reid, and their companions.</summary>
public static class ReidTriplet
{
    public static Verdict Check(GoldenCase golden)
    {
        var kind = golden.Name.Split("__")[0];
        var margin = golden.Param("margin")?.GetDouble() ?? 0;
        var soft = golden.Flag("soft_margin");
        var loss = kind.Split('_')[0] switch
        {
            "torchreid" => TripletLoss.BatchHard(BatchHardDialect.Torchreid, margin),
            "rsb" => TripletLoss.BatchHard(BatchHardDialect.StrongBaseline, margin, soft),
            "fastreid" when golden.Flag("hard_mining") =>
                TripletLoss.BatchHard(golden.Flag("norm_feat") ? BatchHardDialect.FastReidNormalized : BatchHardDialect.FastReid, margin, soft),
            _ => null,
        };
        if (kind == "center_loss") return LossCase.Check(golden, Center);
        if (loss is null) return Verdict.Skipped(kind);
        if (golden.Flag("normalize"))
            loss = new TripletLoss(margin) { Distance = loss.Distance.Normalized(), Miner = loss.Miner, Reducer = loss.Reducer, SoftMargin = soft };
        using (loss)
            return LossCase.Check(golden, c => loss.call(c.Embeddings, c.Labels));
    }

    private static TorchSharp.torch.Tensor Center(LossCase c)
    {
        var loss = c.Keep(new CenterLoss(c.Size("centers", 0), c.Size("centers", 1)));
        c.Load("centers", loss.Centers);
        return loss.call(c.Embeddings, c.Labels);
    }
}
