using static TorchSharp.torch;

namespace MetricLearning.Benchmarks;

/// <summary>
/// Losses in a <see cref="LossSum"/>. Three losses that share the distance matrix and the pairs of a batch are compared with the same
/// losses on their own, and with the partners. The two usual losses of a training step, with their report, are compared with the same
/// losses on their own.
/// </summary>
internal static class SharingCases
{
    public static IEnumerable<Case> All =>
        from size in new[] { (64, 2048), (1024, 512), (4096, 512) }
        from item in new[]
        {
            Of(size.Item1, size.Item2, apart: true), Of(size.Item1, size.Item2, apart: false), Reported(size.Item1, size.Item2),
        }
        select item;

    private static Case Of(int rows, int width, bool apart) =>
        new("sharing", $"multi-similarity + SupCon + circle, {(apart ? "ours one by one" : "PML's")} as partner",
            $"{rows} x {width}", device =>
        {
            var batch = Batch.Of(rows, width, device, gradient: true);
            var (x, y) = (batch.Embeddings, batch.Labels);
            MetricLoss[] losses = [new MultiSimilarityLoss { Miner = new MultiSimilarityMiner() }, new SupConLoss(), new CircleLoss()];
            var sum = new LossSum().Add("multi-similarity", losses[0]).Add("SupCon", losses[1]).Add("circle", losses[2]);
            return new(batch, sum)
            {
                Ours = Work.Step(() => sum.forward(x, y), x),
                Naive = Work.Step(() => apart
                    ? losses[0].call(x, y) + losses[1].call(x, y) + losses[2].call(x, y)
                    : Naive.PairLosses.MultiSimilarity(x, y, 0.1) + Naive.PairLosses.SupCon(x, y) + Naive.PairLosses.Circle(x, y), x),
                Floor = Work.Scoped(() => { using var noGradient = no_grad(); return [x.mm(x.t())]; }),
            };
        })
        {
            Agreement = Agreement.Choice,
            Guarded = rows == 1024 && apart,
            Heavy = rows == 4096,
        };

    /// <summary><see cref="LossSum.Compute(ModelOutput, Tensor, bool)"/> of the losses that re-identification is trained with.</summary>
    private static Case Reported(int rows, int width) =>
        new("sharing", "batch-hard triplet + label smoothing with their report, ours one by one as partner", $"{rows} x {width}", device =>
        {
            var batch = Batch.Of(rows, width, device, gradient: true);
            var (x, y) = (batch.Embeddings, batch.Labels);
            var logits = randn(rows, Math.Max(751, rows / Batch.ImagesPerIdentity), device: device).requires_grad_();
            var output = new ModelOutput(x, x, logits);
            var (triplet, identity) = (new TripletLoss(0.3) { Miner = new BatchHardMiner() }, new LabelSmoothingCrossEntropyLoss());
            var sum = new LossSum().Add("triplet", triplet).Add("identity", identity, given => given.Logits!);
            return new(batch, sum, logits)
            {
                Ours = Work.Step(() => sum.Compute(output, y).Value, x, logits),
                Naive = Work.Step(() => triplet.call(x, y) + identity.call(logits, y), x, logits),
            };
        })
        {
            Guarded = true,
            Margin = 1.3,
        };
}
