using static TorchSharp.torch;

namespace MetricLearning.Tests;

/// <summary>Every loss of the library in its main settings: what holds for all losses is tested on each row. A new loss is a new row.</summary>
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
        ["triplet all normalised"] = () => new TripletLoss { Miner = Miner.All, Distance = Distance.Euclidean.Normalized(), Reducer = Reducer.Sum },
        ["triplet squared"] = () => new TripletLoss { Distance = Distance.EuclideanSquared },
        ["triplet dot"] = () => new TripletLoss { Distance = Distance.Dot },
        ["triplet l1"] = () => new TripletLoss { Distance = Distance.Lp(1) },
        ["triplet semi-hard"] = () => new TripletLoss { Miner = new SemiHardMiner(), Reducer = Reducer.PerAnchor },
        ["triplet semi-hard hardest"] = () => new TripletLoss
        {
            Miner = new SemiHardMiner { Positives = SemiHardPositives.Hardest, Fallback = SemiHardFallback.FarthestNegative },
        },
        ["torchreid"] = () => TripletLoss.BatchHard(BatchHardDialect.Torchreid),
        ["fast-reid normalised"] = () => TripletLoss.BatchHard(BatchHardDialect.FastReidNormalized),
        ["hermans soft"] = () => TripletLoss.BatchHard(BatchHardDialect.Hermans, softMargin: true),
        ["triplet hard"] = () => new TripletHardLoss(),
        ["triplet semi-hard keras"] = () => new TripletSemiHardLoss(),
        ["weighted"] = () => new WeightedTripletLoss(),
        ["weighted hinge"] = () => new WeightedTripletLoss(margin: 2),
        ["circle"] = () => new CircleLoss(scale: 4),
        ["pairwise cosface"] = () => new PairwiseCosFaceLoss(scale: 4),
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
        ["surrogate precision"] = () => new SmoothRecallAtKLoss(2) { AnchorIsRanked = true, RankTemperature = 0.1, Distance = Distance.Euclidean },
        ["threshold-consistent"] = () => new ThresholdConsistentMarginLoss(negativeMargin: 0),
        ["center"] = () => new CenterLoss(Classes, Dimension),
        ["cosface"] = () => new CosFaceLoss(Classes, Dimension, scale: 8),
        ["normalised softmax"] = () => new NormalizedSoftmaxLoss(Classes, Dimension),
    };

    public static TheoryData<string> Names => [.. rows.Keys];

    /// <summary>All but those that leave out a part of the derivative by definition (the α of the circle loss): reference gradients hold for these.</summary>
    public static TheoryData<string> DifferentiableNames => [.. rows.Keys.Where(name => name != "circle")];

    public static TheoryData<string> TupleLossNames => [.. rows.Keys.Where(name => name is not ("center" or "cosface" or "normalised softmax"))];

    /// <summary>The loss of a row; learned parts are the same each time.</summary>
    public static MetricLoss Create(string name)
    {
        random.manual_seed(7);
        return rows[name]();
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
