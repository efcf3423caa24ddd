using static TorchSharp.torch;

namespace MetricLearning.Benchmarks;

/// <summary>Losses on tuples of the batch, each with its usual mining.</summary>
internal static class LossCases
{
    private static readonly (int Rows, int Width)[] usual = [(64, 2048), (256, 512), (1024, 512), (4096, 512)];
    private static readonly (int Rows, int Width)[] upTo1024 = usual[..3];
    private static readonly (int Rows, int Width)[] upTo512 = [.. usual[..2], (512, 512)];
    private static readonly (int Rows, int Width)[] upTo256 = usual[..2];
    private static readonly (int Rows, int Width)[] upTo128 = [usual[0], (128, 512)];

    public static IEnumerable<Case> All =>
    [
        .. Chosen("batch-hard triplet (fast-reid)", () => TripletLoss.BatchHard(BatchHardDialect.FastReId),
            (x, y) => Naive.TripletLosses.FastReIdHard(x, y, 0.3), [(64, 512), .. usual]),
        .. Chosen("batch-hard triplet (torchreid)", () => TripletLoss.BatchHard(BatchHardDialect.TorchReId),
            (x, y) => Naive.TripletLosses.TorchReIdHard(x, y, 0.3), upTo1024),
        .. Chosen("batch-hard triplet (PML)", () => Normalized(0.3, new BatchHardMiner()),
            (x, y) => Naive.TripletLosses.PmlHard(x, y, 0.3), usual, heavyFrom: 4096),
        .. Chosen("batch-hard triplet (Hermans)", () => TripletLoss.BatchHard(BatchHardDialect.Hermans),
            (x, y) => Naive.TripletLosses.Hermans(x, y, 0.3), upTo256),
        .. Chosen("batch-hard triplet (Keras)", () => new TripletHardLoss(), (x, y) => Naive.TripletLosses.KerasHard(x, y, 1), upTo1024),
        .. KerasSemiHard(upTo512),
        .. KerasSemiHard([(1024, 512)]).Skip(1).Select(item => item with { Rounds = 1 }),      // one step takes over a minute and 18 GB
        .. Chosen("all triplets (PML)", () => Normalized(0.05, Miner.All), (x, y) => Naive.TripletLosses.PmlAll(x, y, 0.05), upTo256),
        .. Of("weighted triplet (AGW)", () => new WeightedTripletLoss(), Naive.TripletLosses.FastReIdWeighted, upTo1024),
        .. Chosen("quadruplet", () => new QuadrupletLoss(), (x, y) => Naive.AllTripletLosses.Quadruplet(x, y), upTo1024),
        .. Of("centroid triplet", () => new CentroidTripletLoss(), (x, y) => Naive.AllTripletLosses.CentroidTriplet(x, y), upTo256),
        .. Of("margin", () => new MarginLoss(), (x, y) => Naive.AllTripletLosses.Margin(x, y), upTo256),
        .. Of("angular", () => new AngularLoss { RawNegatives = true }, (x, y) => Naive.AllTripletLosses.Angular(x, y), upTo256),
        .. LossWork.Of("dynamic soft margin", upTo256, Agreement.Choice, () => new DynamicSoftMarginLoss { DifferentiateWeights = true },
            () => { var loss = new Naive.DynamicSoftMargin(); return (x, y, _) => loss.Loss(x, y); }, keepsState: true),
        .. Chosen("multi-similarity, mined", () => new MultiSimilarityLoss { Miner = new MultiSimilarityMiner() },
            (x, y) => Naive.PairLosses.MultiSimilarity(x, y, 0.1), usual, heavyFrom: 4096),
        .. Of("multi-similarity", () => new MultiSimilarityLoss(), (x, y) => Naive.PairLosses.MultiSimilarity(x, y), upTo1024),
        .. Of("SupCon", () => new SupConLoss(), (x, y) => Naive.PairLosses.SupCon(x, y), usual, heavyFrom: 4096),
        .. Of("circle", () => new CircleLoss(), (x, y) => Naive.PairLosses.Circle(x, y), usual, heavyFrom: 4096),
        .. Of("contrastive", () => new ContrastiveLoss(), (x, y) => Naive.PairLosses.Contrastive(x, y), upTo1024),
        .. Of("NT-Xent", () => new NTXentLoss(), (x, y) => Naive.PairLosses.NTXent(x, y), upTo128),
        .. Of("lifted structure", () => new LiftedStructureLoss(), (x, y) => Naive.PairLosses.Lifted(x, y), upTo128),
        .. Of("generalized lifted structure", () => new GeneralizedLiftedStructureLoss(),
            (x, y) => Naive.PairLosses.GeneralizedLifted(x, y), upTo1024),
        .. Of("NCA", () => new NcaLoss(), Naive.PairLosses.Nca, upTo1024),
        .. Of("N-pairs", () => new NPairsLoss(), Naive.PairLosses.NPairs, upTo1024),
        .. Of("tuplet margin", () => new TupletMarginLoss(), (x, y) => Naive.PairLosses.TupletMargin(x, y), upTo128),
        .. Of("intra-pair variance", () => new IntraPairVarianceLoss(), (x, y) => Naive.PairLosses.IntraPairVariance(x, y), upTo1024),
        .. Of("pairwise CosFace", () => new PairwiseCosFaceLoss(), (x, y) => Naive.PairLosses.PairwiseCosFace(x, y), upTo1024),
        .. Of("ranked list", () => new RankedListLoss(), (x, y) => Naive.PairLosses.RankedList(x, y), upTo1024),
        .. Of("threshold-consistent margin", () => new ThresholdConsistentMarginLoss(),
            (x, y) => Naive.PairLosses.ThresholdConsistentMargin(x, y), upTo256),
        .. Of("instance", () => new InstanceLoss(), (x, _) => Naive.PairLosses.Instance(x), upTo1024),
        .. Of("SupCon, Matryoshka of 4 widths", () => new MatryoshkaLoss(new SupConLoss(), [64, 128, 256, 512]),
            (x, y) => Naive.PairLosses.MatryoshkaSupCon(x, y, [64, 128, 256, 512]), upTo1024),
        .. Chosen("FastAP", () => new FastApLoss(), (x, y) => Naive.RankingLosses.FastAp(x, y), upTo1024),
        .. Of("Smooth-AP", () => new SmoothApLoss(), (x, y) => Naive.RankingLosses.SmoothAp(x, y), upTo256),
        .. Of("PNP", () => new PnpLoss(), (x, y) => Naive.RankingLosses.Pnp(x, y), upTo256),
        .. Of("recall at k (OML)", () => SmoothRecallAtKLoss.SurrogatePrecision(5),
            (x, y) => Naive.RankingLosses.SurrogatePrecision(x, y), upTo256),
        .. Chosen("histogram", () => new HistogramLoss(), (x, y) => Naive.RankingLosses.Histogram(x, y), upTo256),
    ];

    private static IEnumerable<Case> KerasSemiHard((int, int)[] sizes) => Chosen("semi-hard triplet (Keras)",
        () => new TripletSemiHardLoss(), (x, y) => Naive.TripletLosses.KerasSemiHard(x, y, 1), sizes, heavyFrom: 512);

    private static TripletLoss Normalized(double margin, Miner miner) =>
        new(margin) { Distance = Distance.Euclidean.Normalized(), Reducer = Reducer.NonZeroMean, Miner = miner };

    private static IEnumerable<Case> Of(string name, Func<nn.Module<Tensor, Tensor, Tensor>> ours, Func<Tensor, Tensor, Tensor> naive,
        (int, int)[] sizes, int? heavyFrom = null) =>
        LossWork.Of(name, sizes, Agreement.Rounding, ours, () => (x, y, _) => naive(x, y), heavyFrom: heavyFrom);

    /// <summary>A loss that selects tuples or bins. Implementations may resolve ties differently.</summary>
    private static IEnumerable<Case> Chosen(string name, Func<nn.Module<Tensor, Tensor, Tensor>> ours, Func<Tensor, Tensor, Tensor> naive,
        (int, int)[] sizes, int? heavyFrom = null) =>
        LossWork.Of(name, sizes, Agreement.Choice, ours, () => (x, y, _) => naive(x, y), heavyFrom: heavyFrom);
}
