using static TorchSharp.torch;

namespace MetricLearning.Conformance;

/// <summary>pytorch-metric-learning's losses on embeddings and labels, alone and on what a miner picked.</summary>
public static class PmlLosses
{
    public static Verdict Check(GoldenCase golden)
    {
        var name = PmlPieces.LossName(golden);
        if (name == "VICRegLoss") return LossCase.Check(golden, c => c.Keep(PmlPieces.VicRegLoss(golden)).call(c.Embeddings, c.Leaf("ref_embeddings")));
        using var loss = PmlPieces.Loss(golden);
        // The peer takes the edges of its histogram's bins in float32, always.
        return loss is null ? Verdict.Skipped(name)
            : LossCase.Check(golden, c => loss.call(c.Embeddings, c.Labels), peerInFloat32: name == "HistogramLoss");
    }

    /// <summary>With our own miner where there is one, and always with the tuples that the peer's miner picked.</summary>
    public static Verdict CheckMined(GoldenCase golden)
    {
        using var loss = PmlPieces.Loss(golden);
        if (loss is null) return Verdict.Skipped(PmlPieces.LossName(golden));
        var description = golden.Param("miner")!.Value;
        var miner = PmlPieces.MinerOf(description.GetProperty("name").GetString()!, description);
        if (miner is null) return Verdict.Skipped($"miner {description.GetProperty("name").GetString()}");
        using var mining = PmlPieces.Loss(golden, miner)!;
        return golden.HasOutput("anchor") && LossCase.Check(golden, Given(loss, golden)) is { Outcome: Outcome.Failed } failed
            ? Verdict.Failed($"on the peer's tuples: {failed.Reason}")
            : LossCase.Check(golden, c => mining.call(c.Embeddings, c.Labels));
    }

    private static Func<LossCase, Tensor> Given(TupleLoss loss, GoldenCase golden) => c =>
    {
        var embeddings = c.Embeddings;
        var rows = embeddings.size(0);
        return loss.forward(embeddings, new Triplets(golden.Output("anchor"), golden.Output("positive"), golden.Output("negative"), rows, rows));
    };
}
