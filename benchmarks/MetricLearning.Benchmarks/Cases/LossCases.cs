using TorchSharp;
using static TorchSharp.torch;

namespace MetricLearning.Benchmarks;

/// <summary>Losses, each with the mining that is usual for it: forward, and forward with backward.</summary>
internal static class LossCases
{
    private const string Category = "losses";
    private const int Classes = 1000;

    private static readonly (int Rows, int Width)[] usual = [(64, 2048), (256, 512), (1024, 512), (4096, 512)];
    private static readonly (int Rows, int Width)[] upTo1024 = usual[..3];
    private static readonly (int Rows, int Width)[] upTo256 = usual[..2];

    private static readonly HashSet<string> guarded =
    [
        "batch-hard triplet (fast-reid) forward + backward, 64 x 2048", "batch-hard triplet (fast-reid) forward + backward, 1024 x 512",
        "batch-hard triplet (fast-reid) forward + backward, 4096 x 512", "batch-hard triplet (PML) forward + backward, 1024 x 512",
        "semi-hard triplet (Keras) forward + backward, 256 x 512", "multi-similarity, mined forward + backward, 1024 x 512",
        "SupCon forward + backward, 1024 x 512", "circle forward + backward, 1024 x 512", "contrastive forward + backward, 1024 x 512",
        "ArcFace forward + backward, 256 x 512",
    ];

    public static IEnumerable<Case> All =>
    [
        .. Pairs("batch-hard triplet (fast-reid)", () => TripletLoss.BatchHard(BatchHardDialect.FastReid), (x, y) => Naive.TripletLosses.FastReidHard(x, y, 0.3), usual, choice: true),
        .. Pairs("batch-hard triplet (torchreid)", () => TripletLoss.BatchHard(BatchHardDialect.Torchreid), (x, y) => Naive.TripletLosses.TorchreidHard(x, y, 0.3), upTo1024, choice: true),
        .. Pairs("batch-hard triplet (PML)", () => Normalized(0.3, new BatchHardMiner()), (x, y) => Naive.TripletLosses.PmlHard(x, y, 0.3), usual, choice: true),
        .. Pairs("batch-hard triplet (Hermans)", () => TripletLoss.BatchHard(BatchHardDialect.Hermans), (x, y) => Naive.TripletLosses.Hermans(x, y, 0.3), upTo256, choice: true),
        .. Pairs("batch-hard triplet (Keras)", () => new TripletHardLoss(), (x, y) => Naive.TripletLosses.KerasHard(x, y, 1), usual, choice: true),
        .. Pairs("semi-hard triplet (Keras)", () => new TripletSemiHardLoss(), (x, y) => Naive.TripletLosses.KerasSemiHard(x, y, 1), [(64, 2048), (256, 512), (512, 512)], choice: true, heavyFrom: 512),
        .. Pairs("all triplets (PML)", () => Normalized(0.05, Miner.All), (x, y) => Naive.TripletLosses.PmlAll(x, y, 0.05), upTo256, choice: true),
        .. Pairs("weighted triplet (AGW)", () => new WeightedTripletLoss(), Naive.TripletLosses.FastReidWeighted, upTo1024),
        .. Pairs("multi-similarity, mined", () => new MultiSimilarityLoss { Miner = new MultiSimilarityMiner() }, (x, y) => Naive.PairLosses.MultiSimilarity(x, y, 0.1), usual, choice: true),
        .. Pairs("multi-similarity", () => new MultiSimilarityLoss(), (x, y) => Naive.PairLosses.MultiSimilarity(x, y), upTo1024),
        .. Pairs("SupCon", () => new SupConLoss(), (x, y) => Naive.PairLosses.SupCon(x, y), usual),
        .. Pairs("circle", () => new CircleLoss(), (x, y) => Naive.PairLosses.Circle(x, y), usual),
        .. Pairs("contrastive", () => new ContrastiveLoss(), (x, y) => Naive.PairLosses.Contrastive(x, y), upTo1024),
        .. Pairs("NT-Xent", () => new NTXentLoss(), (x, y) => Naive.PairLosses.NTXent(x, y), upTo256),
        .. Pairs("lifted structure", () => new LiftedStructureLoss(), (x, y) => Naive.PairLosses.Lifted(x, y), upTo256),
        .. Pairs("generalized lifted structure", () => new GeneralizedLiftedStructureLoss(), (x, y) => Naive.PairLosses.GeneralizedLifted(x, y), upTo1024),
        .. Pairs("NCA", () => new NcaLoss(), Naive.PairLosses.Nca, upTo1024),
        .. Pairs("N-pairs", () => new NPairsLoss(), Naive.PairLosses.NPairs, upTo1024),
        .. Pairs("tuplet margin", () => new TupletMarginLoss(), (x, y) => Naive.PairLosses.TupletMargin(x, y), upTo256),
        .. Pairs("intra-pair variance", () => new IntraPairVarianceLoss(), (x, y) => Naive.PairLosses.IntraPairVariance(x, y), upTo1024),
        .. Pairs("pairwise CosFace", () => new PairwiseCosFaceLoss(), (x, y) => Naive.PairLosses.PairwiseCosFace(x, y), upTo1024),
        .. OfClasses("ArcFace", () => new ArcFaceLoss(Classes, 512), (x, y, w) => Naive.ClassLosses.ArcFace(x, y, w)),
        .. OfClasses("ArcFace, 10,000 classes", () => new ArcFaceLoss(10_000, 512), (x, y, w) => Naive.ClassLosses.ArcFace(x, y, w)),
        .. OfClasses("sub-center ArcFace", () => new SubCenterArcFaceLoss(Classes, 512), (x, y, w) => Naive.ClassLosses.SubCenterArcFace(x, y, w)),
        .. OfClasses("CosFace", () => new CosFaceLoss(Classes, 512), (x, y, w) => Naive.ClassLosses.CosFace(x, y, w)),
        .. OfClasses("normalised softmax", () => new NormalizedSoftmaxLoss(Classes, 512), Naive.ClassLosses.NormalizedSoftmax),
        .. OfClasses("circle softmax", () => new CircleSoftmaxLoss(Classes, 512), (x, y, w) => Naive.ClassLosses.CircleSoftmax(x, y, w)),
        .. OfClasses("proxy anchor", () => new ProxyAnchorLoss(Classes, 512), (x, y, w) => Naive.ClassLosses.ProxyAnchor(x, y, w)),
        .. OfClasses("proxy NCA", () => new ProxyNcaLoss(Classes, 512), Naive.ClassLosses.ProxyNca),
        .. OfClasses("soft triple", () => new SoftTripleLoss(Classes, 512), (x, y, w) => Naive.ClassLosses.SoftTriple(x, y, w)),
        .. OfClasses("center", () => new CenterLoss(Classes, 512), Naive.ClassLosses.Center),
        .. Of("label smoothing (logits of 1,000 classes)", [(64, Classes), (256, Classes)], Agreement.Rounding, null,
            () => new LabelSmoothingCrossEntropyLoss(), (x, y, _) => Naive.ClassLosses.LabelSmoothing(x, y)),
    ];

    private static TripletLoss Normalized(double margin, Miner miner) =>
        new(margin) { Distance = Distance.Euclidean.Normalized(), Reducer = Reducer.NonZeroMean, Miner = miner };

    private static IEnumerable<Case> Pairs(string name, Func<MetricLoss> ours, Func<Tensor, Tensor, Tensor> naive, (int, int)[] sizes,
        bool choice = false, int? heavyFrom = null) =>
        Of(name, sizes, choice ? Agreement.Choice : Agreement.Rounding, heavyFrom, ours, (x, y, _) => naive(x, y));

    private static IEnumerable<Case> OfClasses(string name, Func<MetricLoss> ours, Func<Tensor, Tensor, Tensor, Tensor> naive) =>
        Of(name, [(256, 512), (1024, 512)], Agreement.Rounding, null, ours, (x, y, learned) => naive(x, y, learned[0]));

    private static IEnumerable<Case> Of(string name, (int Rows, int Width)[] sizes, Agreement agreement, int? heavyFrom,
        Func<nn.Module<Tensor, Tensor, Tensor>> ours, Func<Tensor, Tensor, Tensor[], Tensor> naive)
    {
        foreach (var (rows, width) in sizes)
            foreach (var backward in new[] { false, true })
            {
                if (!backward && rows < Math.Min(1024, sizes.Max(size => size.Rows))) continue;    // forward alone is shown at one size
                var (what, shape) = ($"{name} {(backward ? "forward + backward" : "forward")}", $"{rows} x {width}");
                yield return new(Category, what, shape, device => Make(device, rows, width, backward, ours, naive))
                {
                    Agreement = agreement,
                    Guarded = guarded.Contains($"{what}, {shape}"),
                    Heavy = rows >= heavyFrom,
                };
            }
    }

    private static Work Make(Device device, int rows, int width, bool backward,
        Func<nn.Module<Tensor, Tensor, Tensor>> ours, Func<Tensor, Tensor, Tensor[], Tensor> naive)
    {
        var batch = Batch.Of(rows, width, device, gradient: backward);
        var (x, y) = (batch.Embeddings, batch.Labels);
        random.manual_seed(2);
        var loss = ours();
        loss.to(device);
        Tensor[] learned = [.. loss.parameters()];
        Tensor[] leaves = [x, .. learned];
        return new(batch, loss)
        {
            Ours = backward ? Work.Step(() => loss.call(x, y), leaves) : Work.Forward(() => loss.call(x, y)),
            Naive = backward ? Work.Step(() => naive(x, y, learned), leaves) : Work.Forward(() => naive(x, y, learned)),
            Floor = Work.Scoped(() => { using var noGradient = no_grad(); return [x.mm(x.t())]; }),
        };
    }
}
