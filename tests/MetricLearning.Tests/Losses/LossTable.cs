using static TorchSharp.torch;

namespace MetricLearning.Tests;

/// <summary>Lists every loss of the library in its main settings. Tests that hold for all losses run on each row. A new loss needs a new
/// row.</summary>
internal static class LossTable
{
    public const int Dimension = 6;
    public const int Classes = 10;

    private static readonly Dictionary<string, Func<MetricLoss>> rows = new()
    {
        ["triplet"] = () => new TripletLoss(),
        ["triplet soft"] = () => new TripletLoss(margin: 0) { SoftMargin = true },
        ["triplet swap"] = () => new TripletLoss { Swap = true, Miner = Miner.All },
        ["triplet all cosine"] = () => new TripletLoss { Miner = Miner.All, Distance = Distance.Cosine, Reducer = Reducer.NonZeroMean },
        ["triplet all normalized"] = () =>
            new TripletLoss { Miner = Miner.All, Distance = Distance.Euclidean.Normalized(), Reducer = Reducer.Sum },
        ["triplet squared"] = () => new TripletLoss { Distance = Distance.EuclideanSquared },
        ["triplet dot"] = () => new TripletLoss { Distance = Distance.Dot },
        ["triplet l1"] = () => new TripletLoss { Distance = Distance.Lp(1) },
        ["triplet semi-hard"] = () => new TripletLoss { Miner = new SemiHardMiner(), Reducer = Reducer.PerAnchor },
        ["triplet semi-hard hardest"] = () => new TripletLoss
        {
            Miner = new SemiHardMiner { Positives = SemiHardPositives.Hardest, Fallback = SemiHardFallback.FarthestNegative },
        },
        ["triplet harder"] = () => new TripletLoss { HardFactor = 0.1 },
        ["triplet positive-negative"] = () => TripletLoss.PositiveNegative(),
        ["torchreid"] = () => TripletLoss.BatchHard(BatchHardDialect.TorchReId),
        ["fast-reid normalized"] = () => TripletLoss.BatchHard(BatchHardDialect.FastReIdNormalized),
        ["hermans soft"] = () => TripletLoss.BatchHard(BatchHardDialect.Hermans, softMargin: true),
        ["triplet hard"] = () => new TripletHardLoss(),
        ["triplet semi-hard keras"] = () => new TripletSemiHardLoss(),
        ["weighted"] = () => new WeightedTripletLoss(),
        ["weighted hinge"] = () => new WeightedTripletLoss(margin: 2),
        ["circle"] = () => new CircleLoss(scale: 4),
        ["circle one sum"] = () => new CircleLoss(scale: 4) { Form = CircleForm.OneSum },
        ["circle separate sums"] = () => new CircleLoss(scale: 4) { Form = CircleForm.SeparateSums },
        ["pairwise cosface"] = () => new PairwiseCosFaceLoss(scale: 4),
        ["angular"] = () => new AngularLoss(),
        ["angular raw"] = () => new AngularLoss(degrees: 30) { RawNegatives = true },
        ["centroid"] = () => new CentroidTripletLoss(margin: 0.3),
        ["centroid soft"] = () => new CentroidTripletLoss { SoftMargin = true, Distance = Distance.EuclideanSquared },
        ["contrastive"] = () => new ContrastiveLoss(negativeMargin: 1.5),
        ["contrastive hadsell"] = () => ContrastiveLoss.Hadsell(margin: 4),
        ["contrastive online"] = () => ContrastiveLoss.Online(margin: 1.2),
        ["contrastive by two reducers"] = () =>
            new ContrastiveLoss(negativeMargin: 1.5) { Reducer = Reducer.ForEachTerm(Reducer.Sum, Reducer.Mean) },
        ["contrastive signal to noise"] = () => ContrastiveLoss.SignalToNoise(negativeMargin: 2),
        ["dynamic soft margin"] = () => new DynamicSoftMarginLoss(),
        ["dynamic soft margin differentiated"] = () => new DynamicSoftMarginLoss { DifferentiateWeights = true },
        ["generalized lifted"] = () => new GeneralizedLiftedStructureLoss(),
        ["intra-pair variance"] = () => new IntraPairVarianceLoss(),
        ["lifted"] = () => new LiftedStructureLoss(),
        ["margin"] = () => new MarginLoss(),
        ["margin one beta"] = () => new MarginLoss(beta: 1, nu: 0.1, learnedBetas: 1),
        ["margin one beta mined"] = () => new MarginLoss(beta: 1, nu: 0.1, learnedBetas: 1)
        {
            Miner = new SemiHardMiner(), Distance = Distance.Euclidean,
        },
        ["margin class betas"] = () => new MarginLoss(beta: 1, nu: 0.1, learnedBetas: Classes),
        ["multi-similarity"] = () => new MultiSimilarityLoss(),
        ["nca"] = () => new NcaLoss(),
        ["n-pairs"] = () => new NPairsLoss(),
        ["nt-xent"] = () => new NTXentLoss(temperature: 0.3),
        ["quadruplet"] = () => new QuadrupletLoss(),
        ["quadruplet all"] = () => new QuadrupletLoss { Miner = Miner.All },
        ["sup-con"] = () => new SupConLoss(temperature: 0.3),
        ["tuplet margin"] = () => new TupletMarginLoss(scale: 8),
        ["fastap"] = () => new FastApLoss(),
        ["histogram"] = () => new HistogramLoss(bins: 10),
        ["pnp"] = () => new PnpLoss(temperature: 0.1),
        ["pnp Ds"] = () => new PnpLoss(PnpVariant.Ds, temperature: 0.1),
        ["pnp Dq"] = () => new PnpLoss(PnpVariant.Dq, temperature: 0.1) { Alpha = 2 },
        ["pnp Iu"] = () => new PnpLoss(PnpVariant.Iu, temperature: 0.1),
        ["pnp Ib"] = () => new PnpLoss(PnpVariant.Ib, temperature: 0.1),
        ["ranked list"] = () => new RankedListLoss(positiveTemperature: 2) { Imbalance = 0.3 },
        ["smooth ap"] = () => new SmoothApLoss(temperature: 0.1),
        ["smooth recall"] = () => new SmoothRecallAtKLoss(1, 2, 4) { RankTemperature = 0.1 },
        ["surrogate precision"] = () =>
            new SmoothRecallAtKLoss(2) { AnchorIsRanked = true, RankTemperature = 0.1, Distance = Distance.Euclidean },
        ["threshold-consistent"] = () => new ThresholdConsistentMarginLoss(negativeMargin: 0),
        ["center"] = () => new CenterLoss(Classes, Dimension),
        ["cluster contrast"] = () => ClusterContrast(),
        ["cosface"] = () => new CosFaceLoss(Classes, Dimension, scale: 8),
        ["normalized softmax"] = () => new NormalizedSoftmaxLoss(Classes, Dimension),
        ["adaface"] = () => new AdaFaceLoss(Classes, Dimension, scale: 8, momentum: 1),
        ["arcface"] = () => new ArcFaceLoss(Classes, Dimension, scale: 8),
        ["arcface mined"] = () => new ArcFaceLoss(Classes, Dimension, scale: 8) { Miner = new BatchHardMiner() },
        ["arcface regularized"] = () => new ArcFaceLoss(Classes, Dimension, scale: 8) { WeightRegularizer = Regularizer.RegularFace },
        ["arcface smoothed"] = () => new ArcFaceLoss(Classes, Dimension, scale: 8) { LabelSmoothing = 0.1 },
        ["cosface smoothed by category"] = () => new CosFaceLoss(Classes, Dimension, scale: 8)
        {
            LabelSmoothing = 0.2, Categories = [0, 0, 1, 1, 1, 2, 2, 2, 2, 3],
        },
        ["circle softmax"] = () => new CircleSoftmaxLoss(Classes, Dimension, scale: 4),
        ["curricularface"] = () => new CurricularFaceLoss(Classes, Dimension, scale: 8, momentum: 0),
        ["instance"] = () => new InstanceLoss(scale: 4),
        ["large-margin softmax"] = () => new LargeMarginSoftmaxLoss(Classes, Dimension),
        ["manifold"] = () => new ManifoldLoss(Classes, Dimension),
        ["p2sgrad"] = () => new P2SGradLoss(Classes, Dimension),
        ["proxy anchor"] = () => new ProxyAnchorLoss(Classes, Dimension, scale: 4),
        ["proxy nca"] = () => new ProxyNcaLoss(Classes, Dimension),
        ["proxy nca++"] = () => ProxyNcaLoss.PlusPlus(Classes, Dimension),
        ["proxy nca of the paper"] = () => new ProxyNcaLoss(Classes, Dimension) { OwnInDenominator = false },
        ["regularizer"] = () => new RegularizerLoss(Regularizer.Lp()),
        ["soft triple"] = () => new SoftTripleLoss(Classes, Dimension, centersPerClass: 3),
        ["softmax"] = () => new SoftmaxLoss(Classes, Dimension),
        ["sphereface"] = () => new SphereFaceLoss(Classes, Dimension),
        ["sub-center arcface"] = () => new SubCenterArcFaceLoss(Classes, Dimension, scale: 8),
    };

    public static TheoryData<string> Names => [.. rows.Keys];

    /// <summary>The rows whose loss has a certain kind. Laws are selected by the kind of a loss, not by its row, so they also apply to a
    /// new row.</summary>
    public static TheoryData<string> Where(Func<MetricLoss, bool> kind) => [.. rows.Keys.Where(name =>
    {
        using var loss = Create(name);
        return kind(loss);
    })];

    /// <summary>
    /// All losses whose gradient is the derivative of their value once <see cref="Held"/> holds the constants. The weights α of the circle
    /// losses are constants that cannot be held from outside. Reference gradients and separate tests check these losses.
    /// </summary>
    public static TheoryData<string> DifferentiableNames => Where(loss => loss is not (CircleLoss or CircleSoftmaxLoss));

    /// <summary>The value of a loss near x. A quantity that the gradient treats as a constant is held at its value at x.</summary>
    public static Func<Tensor, Tensor> Held(MetricLoss loss, Tensor x, Tensor y) => loss switch
    {
        // ẑ depends only on the length of a row, and the cosines do not depend on it. So the length is kept, and ẑ is constant.
        AdaFaceLoss => input => loss.call(is_grad_enabled() ? input : input * (x.norm(1, keepdim: true) / input.norm(1, keepdim: true)), y),
        // Each call starts from the same histogram and updates it.
        DynamicSoftMarginLoss { DifferentiateWeights: true } => input =>
        {
            using var learning = enable_grad();
            using (no_grad()) loss.get_buffer("histogram")!.fill_(0.1);
            return loss.call(input, y);
        },
        _ => input => loss.call(input, y), // a histogram does not change if gradients are off
    };

    /// <summary>All losses that do not depend on the order of the batch.</summary>
    public static TheoryData<string> OrderFreeNames => Where(loss => loss is not NPairsLoss);

    /// <summary>Losses with learned vectors for each class. Their labels must be numbers from 0 to C − 1.</summary>
    public static TheoryData<string> ClassLossNames => Where(HasClasses);

    /// <summary>Losses that look only at whether labels are equal.</summary>
    public static TheoryData<string> AnyLabelNames => Where(loss => !HasClasses(loss) && loss is not MarginLoss { Beta.shape: [> 1] });

    public static bool HasClasses(MetricLoss loss) => loss is ClassLoss or CenterLoss or ClusterContrastLoss;

    /// <summary>Creates the loss of a row. Its learned parts are the same each time.</summary>
    public static MetricLoss Create(string name)
    {
        random.manual_seed(7);
        return rows[name]();
    }

    /// <summary>Its centers do not move, so each call gives the same.</summary>
    private static ClusterContrastLoss ClusterContrast()
    {
        using var centers = randn(Classes, Dimension);
        return new(centers, momentum: 1);
    }

    /// <summary>12 rows of 4 uneven classes about the origin; the same numbers for the same seed.</summary>
    public static (Tensor Embeddings, Tensor Labels) Batch(int seed = 1, ScalarType dtype = ScalarType.Float64) =>
        (Random(seed, 12, Dimension).to(dtype), tensor([0L, 1, 2, 0, 1, 3, 0, 2, 1, 0, 3, 2]));

    public static Tensor Random(int seed, long rows, long columns)
    {
        random.manual_seed(seed);
        return randn([rows, columns], ScalarType.Float64);
    }
}
