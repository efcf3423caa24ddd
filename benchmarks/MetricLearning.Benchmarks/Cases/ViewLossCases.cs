using TorchSharp;
using static TorchSharp.torch;

namespace MetricLearning.Benchmarks;

/// <summary>Losses on two views of the same rows, and on a batch and a memory, forward with backward.</summary>
internal static class ViewLossCases
{
    private const int Memory = 4096;

    private static readonly (int Rows, int Width)[] usual = [(64, 2048), (256, 512)];
    private static readonly (int Rows, int Width)[] upTo1024 = [.. usual, (1024, 512)];
    private static readonly (int Rows, int Width)[] upTo128 = [(64, 2048), (128, 512)];

    public static IEnumerable<Case> All =>
    [
        .. Of("VICReg", usual, () => new VicRegLoss(), (loss, v) => loss.call(v[0], v[1]), v => Naive.ViewLosses.VicReg(v[0], v[1])),
        .. Of("Barlow Twins", usual, () => new BarlowTwinsLoss(), (loss, v) => loss.call(v[0], v[1]),
            v => Naive.ViewLosses.BarlowTwins(v[0], v[1])),
        .. Of("SimSiam", usual, () => new SimSiamLoss(), (loss, v) => loss.forward(v[0], v[2], v[1], v[3]),
            v => Naive.ViewLosses.SimSiam(v[0], v[1], v[2], v[3])),
        .. Of("CLIP", upTo1024, () => new ClipLoss(), (loss, v) => loss.call(v[0], v[1]), v => Naive.ViewLosses.Clip(v[0], v[1])),
        .. Of("SigLIP", upTo1024, () => new SigLipLoss(), (loss, v) => loss.call(v[0], v[1]), v => Naive.ViewLosses.SigLip(v[0], v[1])),
        .. Of("CoSENT", upTo1024, () => new CoSentLoss(), (loss, v) => loss.call(v[0], v[1], Grades(v[2])),
            v => Naive.ViewLosses.CoSent(v[0], v[1], Grades(v[2]))),
        .. Of("AnglE", upTo1024, () => new AnglELoss(), (loss, v) => loss.call(v[0], v[1], Grades(v[2])),
            v => Naive.ViewLosses.AnglE(v[0], v[1], Grades(v[2]))),
        .. Of("Cosine similarity", usual, () => new CosineSimilarityLoss(), (loss, v) => loss.call(v[0], v[1], Grades(v[2])),
            v => Naive.ViewLosses.CosineSimilarity(v[0], v[1], Grades(v[2]))),
        .. Of("Distillation of embeddings", usual, () => new EmbeddingDistillationLoss(), (loss, v) => loss.call(v[0], v[2]),
            v => Naive.ViewLosses.EmbeddingDistillation(v[0], v[2]), trained: 1),
        .. Of("Distillation of relations", [(64, 512)], () => new RelationDistillationLoss(), (loss, v) => loss.call(v[0], v[2]),
            v => Naive.ViewLosses.RelationDistillation(v[0], v[2]), trained: 1),
        .. Of("Distillation of rankings", usual, () => new RankingDistillationLoss(), (loss, v) => loss.call(v[0], v[2]),
            v => Naive.ViewLosses.RankingDistillation(v[0], v[2]), trained: 1),
        .. Of("GISTEmbed", upTo128, () => new GistEmbedLoss(), (loss, v) => loss.call(v[0], v[1], v[2], v[3]),
            v => Naive.ViewLosses.GistEmbed(v[0], v[1], v[2], v[3])),
        .. Of("N-pairs, several labels a row", usual, () => new MultiLabelNPairsLoss(),
            (loss, v) => loss.call(v[0], v[1], Memberships(v[2])),
            v => Naive.ViewLosses.MultiLabelNPairs(v[0], v[1], Memberships(v[2]))),
        .. Of("NT-Xent of two views", upTo128, () => new SelfSupervisedLoss(new NTXentLoss()), (loss, v) => loss.call(v[0], v[1]),
            v => Naive.ViewLosses.SelfSupervised(v[0], v[1])),
        OfMemory(64), OfMemory(256),
    ];

    /// <summary>A loss of four views, of which the first ones get a gradient: two, or the student's alone.</summary>
    private static IEnumerable<Case> Of<TLoss>(string name, (int Rows, int Width)[] sizes, Func<TLoss> create,
        Func<TLoss, Tensor[], Tensor> ours, Func<Tensor[], Tensor> naive, int trained = 2)
        where TLoss : nn.Module =>
        sizes.Select(size => new Case(LossWork.Category, $"{name} forward + backward", $"{size.Rows} x {size.Width}", device =>
        {
            random.manual_seed(1);
            var loss = create();
            using var scope = NewDisposeScope();
            var rows = randn(size.Rows, size.Width);
            Tensor[] views = [.. Enumerable.Range(0, 4)
                .Select(_ => (rows + 0.5 * randn(size.Rows, size.Width)).to(device).MoveToOuterDisposeScope())];
            foreach (var view in views[..trained]) view.requires_grad = true;
            return new([loss, .. views])
            {
                Ours = Work.Step(() => ours(loss, views), views[..trained]),
                Naive = Work.Step(() => naive(views), views[..trained]),
                Floor = Work.Scoped(() => { using var noGradient = no_grad(); return [views[0].mm(views[1].t())]; }),
            };
        }));

    /// <summary>A similarity for each pair, taken from the numbers of another view.</summary>
    private static Tensor Grades(Tensor view) => view.select(1, 0);

    /// <summary>About a tenth of 32 labels for each row, and the first label for every row.</summary>
    private static Tensor Memberships(Tensor view)
    {
        var has = (view.narrow(1, 0, 32) > 1.4).to(ScalarType.Float32);
        has.select(1, 0).fill_(1);
        return has;
    }

    /// <summary>A step: one batch is stored (like the rows of a momentum encoder), then another is compared with the memory.</summary>
    private static Case OfMemory(int rows) =>
        new(LossWork.Category, $"contrastive, memory of {Memory:N0} forward + backward", $"{rows} x 512", device =>
        {
            var batch = Batch.Of(rows, 512, device, gradient: true);
            var stored = Batch.Of(Memory, 512, device);
            var (x, y) = (batch.Embeddings, batch.Labels);
            var memory = new CrossBatchMemory(new ContrastiveLoss(), 512, Memory) { StoresBatches = false };
            memory.to(device);
            memory.Add(stored.Embeddings, stored.Labels);
            var naive = new Naive.CrossBatchMemory(stored.Embeddings, stored.Labels);
            var (turn, naiveTurn) = (0, 0);
            return new(batch, stored, memory, naive)
            {
                Ours = Work.Step(() =>
                {
                    Next(ref turn, memory.Add);
                    return memory.call(x, y);
                }, x),
                Naive = Work.Step(() =>
                {
                    Next(ref naiveTurn, naive.Add);
                    return naive.Loss(x, y);
                }, x),
                Floor = Work.Scoped(() => { using var noGradient = no_grad(); return [x.mm(stored.Embeddings.t())]; }),
            };

            void Next(ref int step, Action<Tensor, Tensor> add)
            {
                var first = step++ * rows % Memory;
                using var part = stored.Embeddings.narrow(0, first, rows);
                using var labels = stored.Labels.narrow(0, first, rows);
                add(part, labels);
            }
        });
}
