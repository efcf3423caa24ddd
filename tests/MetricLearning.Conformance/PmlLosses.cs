using static TorchSharp.torch;

namespace MetricLearning.Conformance;

/// <summary>pytorch-metric-learning's losses on embeddings and labels, on all tuples and on the tuples of a miner.</summary>
public static class PmlLosses
{
    public static Verdict Check(GoldenCase golden)
    {
        var name = PmlPieces.LossName(golden);
        if (name == "CentroidTripletLoss") return PmlCentroidTriplet.Check(golden);
        if (name == "VICRegLoss") return LossCase.Check(golden, c => c.Keep(PmlPieces.VicRegLoss(golden))
            .call(c.Embeddings, c.Leaf("ref_embeddings")));
        using var known = Known();
        return known is null ? Verdict.Skipped(name) : LossCase.Check(golden, c =>
        {
            var loss = c.Keep(Known()!);
            if (loss is MarginLoss { Beta: { } beta }) c.Load("beta", beta);
            return loss.call(c.Embeddings, c.Labels);
        }, peerInFloat32: name == "HistogramLoss"); // the peer always computes the edges of its histogram's bins in float32

        MetricLoss? Known() => PmlPieces.BatchLoss(golden) ?? (MetricLoss?)PmlPieces.Loss(golden);
    }

    /// <summary>Checks a loss with the tuples that the peer's miner chose, and with our own miner if there is one.</summary>
    public static Verdict CheckMined(GoldenCase golden)
    {
        using var loss = PmlPieces.Loss(golden);
        if (loss is null) return Verdict.Skipped(PmlPieces.LossName(golden));
        if (LossCase.Check(golden, c => Given(loss, golden, c.Embeddings)) is { Outcome: Outcome.Failed } failed)
            return Verdict.Failed($"on the peer's tuples: {failed.Reason}");
        var description = golden.Param("miner")!.Value;
        var miner = PmlPieces.MinerOf(description.GetProperty("name").GetString()!, description);
        if (miner is null) return Verdict.Skipped($"miner {description.GetProperty("name").GetString()}");
        using var mining = PmlPieces.Loss(golden, miner)!;
        return LossCase.Check(golden, c => mining.call(c.Embeddings, c.Labels));
    }

    private static Tensor Given(TupleLoss loss, GoldenCase golden, Tensor embeddings)
    {
        var rows = embeddings.size(0);
        Tensor Mask(string anchors, string others) =>
            zeros(rows * rows, ScalarType.Bool).index_fill(0, golden.Output(anchors) * rows + golden.Output(others), 1).view(rows, rows);
        return loss.forward(embeddings, golden.HasOutput("anchor")
            ? new Triplets(golden.Output("anchor"), golden.Output("positive"), golden.Output("negative"), rows, rows)
            : new Pairs(Mask("anchor1", "positive"), Mask("anchor2", "negative")));
    }
}
