using static TorchSharp.torch;

namespace MetricLearning.Benchmarks;

/// <summary>
/// Three losses on one batch that share its distance matrix and its pairs, compared with the same losses on their own and with the
/// partners.
/// </summary>
internal static class SharingCases
{
    public static IEnumerable<Case> All =>
        from size in new[] { (64, 2048), (1024, 512), (4096, 512) }
        from item in new[] { Of(size.Item1, size.Item2, apart: true), Of(size.Item1, size.Item2, apart: false) }
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
}
