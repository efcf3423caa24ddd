namespace MetricLearning.Quality;

/// <summary>Losses on triplets and their kin, and the miners and batches of the triplet loss.</summary>
internal static class TripletEntries
{
    private static readonly double[] margins = [0.1, 0.3, 1];
    private static readonly double[] unitMargins = [0.1, 0.2, 0.4];     // of distances from 0 to 2

    public static IReadOnlyList<Entry> All { get; } =
    [
        Mined("batch-hard", _ => new BatchHardMiner()),
        new("triplet, batch-hard, soft margin", _ => Objective.Of(new TripletLoss(margin: 0) { SoftMargin = true })),
        new("triplet, all above 0", making => Objective.Of(new TripletLoss(making.Value)
        {
            Miner = Miner.All, Reducer = Reducer.NonZeroMean,
        })) { Setting = "margin", Values = margins },
        Mined("semi-hard", _ => new SemiHardMiner()),
        Mined("easy positives, semi-hard negatives", _ => new BatchEasyHardMiner()),
        Mined("the two hardest of each", _ => new NHardMiner(0..2, 0..2)),
        Mined("random triplets", _ => new RandomTripletsMiner(4)),
        Mined("hard by margin", making => new TripletMarginMiner(making.Value, Hardness.Hard)),
        Unit("angular miner", _ => new AngularMiner()),
        Unit("distance-weighted", making => new DistanceWeightedMiner(making.Dimension)),
        new("triplet, easy to hard", making =>
        {
            var curriculum = Curriculum.Over(TrainingSpan.Iterations(making.Steps));
            return Objective.Of(new TripletLoss(making.Value)
            {
                Miner = new ScheduledMiner(curriculum, (0, new EasyToHardMiner(curriculum) { SkippedShare = 0.05 }),
                    (0.5, new BatchHardMiner())),
            }, curriculum.Step);
        }) { Setting = "margin", Values = margins },
        Mined("batch-hard, 32 × 2", _ => new BatchHardMiner()) with { Batches = Batches.P32K2 },
        Mined("batch-hard, 8 × 8", _ => new BatchHardMiner()) with { Batches = Batches.P8K8 },
        Mined("batch-hard, graph sampler", _ => new BatchHardMiner()) with { Batches = Batches.Graph },
        Margin("triplet hard (TensorFlow)", value => new TripletHardLoss(value)),
        Margin("triplet semi-hard (TensorFlow)", value => new TripletSemiHardLoss(value)),
        new("weighted triplet (AGW)", _ => Objective.Of(new WeightedTripletLoss())),
        Margin("quadruplet", value => new QuadrupletLoss(value, value / 2)),
        Margin("centroid triplet", value => new CentroidTripletLoss(value)),
        new("angular", making => Objective.Of(new AngularLoss(making.Value))) { Setting = "degrees", Values = [30, 40, 45] },
        new("dynamic soft margin", _ => Objective.Of(new DynamicSoftMarginLoss())),
        new("tuplet margin", making => Objective.Of(new TupletMarginLoss(scale: making.Value)))
        {
            Setting = "scale", Values = [16, 32, 64],
        },
    ];

    private static Entry Mined(string miner, Func<Making, Miner> of) =>
        new($"triplet, {miner}", making => Objective.Of(new TripletLoss(making.Value) { Miner = of(making) }))
        {
            Setting = "margin", Values = margins,
        };

    /// <summary>On rows of length one, which the miner asks for.</summary>
    private static Entry Unit(string miner, Func<Making, Miner> of) => new($"triplet, {miner}", making => Objective.Of(
        new TripletLoss(making.Value) { Distance = Distance.Euclidean.Normalized(), Miner = of(making) }))
        {
            Setting = "margin", Values = unitMargins,
        };

    private static Entry Margin(string name, Func<double, MetricLoss> of) =>
        new(name, making => Objective.Of(of(making.Value))) { Setting = "margin", Values = margins };
}
