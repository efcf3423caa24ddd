namespace MetricLearning.Quality;

/// <summary>Losses on pairs, with the miners of pairs.</summary>
internal static class PairEntries
{
    public static IReadOnlyList<Entry> All { get; } =
    [
        Contrastive("contrastive", _ => null),
        Contrastive("contrastive, hard pairs", _ => new HardPairsMiner()),
        Contrastive("contrastive, pair margin", making => new PairMarginMiner(0.2, making.Value)),
        Contrastive("contrastive, multi-similarity miner", _ => new MultiSimilarityMiner()),
        Contrastive("contrastive, hardest half", _ => new HdcMiner()),
        Contrastive("contrastive, uniform histogram", _ => new UniformHistogramMiner(bins: 20, positivesPerBin: 10, negativesPerBin: 10)),
        new("contrastive, Hadsell", making => Objective.Of(ContrastiveLoss.Hadsell(making.Value))) { Setting = "margin",
            Values = [0.5, 1, 2] },
        new("contrastive, online", making => Objective.Of(ContrastiveLoss.Online(making.Value))) { Setting = "margin",
            Values = [0.3, 0.5, 0.8] },
        new("contrastive, signal to noise", making => Objective.Of(ContrastiveLoss.SignalToNoise(0.01, making.Value)))
        {
            Setting = "margin", Values = [0.2, 0.5, 1],
        },
        new("margin, distance-weighted", making => Objective.Of(new MarginLoss(making.Value)
        {
            Distance = Distance.Euclidean.Normalized(), Miner = new DistanceWeightedMiner(making.Dimension),
        })) { Setting = "margin", Values = [0.1, 0.2, 0.3] },
        Scaled("generalized lifted structure", value => new GeneralizedLiftedStructureLoss(value)
        {
            Distance = Distance.Euclidean.Normalized(),
        }, "margin", 0.5, 1, 1.5),
        Scaled("lifted structure", value => new LiftedStructureLoss(value)
        {
            Distance = Distance.Euclidean.Normalized(),
        }, "margin", 0.5, 1, 1.5),
        Scaled("multi-similarity", value => new MultiSimilarityLoss(offset: value), "offset", 0.3, 0.5, 0.7),
        Scaled("multi-similarity, mined", value => new MultiSimilarityLoss(offset: value) { Miner = new MultiSimilarityMiner() },
            "offset", 0.3, 0.5, 0.7),
        Scaled("circle", value => new CircleLoss(scale: value), "scale", 16, 32, 80),
        Scaled("pairwise CosFace", value => new PairwiseCosFaceLoss(scale: value), "scale", 8, 16, 30),
        Scaled("intra-pair variance + contrastive", value => new LossSum()
            .Add("variance", new IntraPairVarianceLoss(), output => output.Embedding)
            .Add("contrastive", new ContrastiveLoss(negativeMargin: value) { Distance = Distance.Cosine }, output => output.Embedding),
            "margin", 0.3, 0.6, 1),
        Scaled("threshold-consistent margin + SupCon", value => new LossSum()
            .Add("threshold", new ThresholdConsistentMarginLoss(negativeMargin: value), output => output.Embedding)
            .Add("contrastive", new SupConLoss(), output => output.Embedding), "negative margin", 0.2, 0.5),
    ];

    private static Entry Contrastive(string name, Func<Making, Miner?> of) => new(name, making => Objective.Of(
        of(making) is { } miner
            ? new ContrastiveLoss(negativeMargin: making.Value) { Distance = Distance.Euclidean.Normalized(), Miner = miner }
            : new ContrastiveLoss(negativeMargin: making.Value) { Distance = Distance.Euclidean.Normalized() }))
        {
            Setting = "margin", Values = [0.6, 0.9, 1.2],
        };

    private static Entry Scaled(string name, Func<double, MetricLoss> of, string setting, params double[] values) =>
        new(name, making => Objective.Of(of(making.Value))) { Setting = setting, Values = values };

    private static Entry Scaled(string name, Func<double, LossSum> of, string setting, params double[] values) =>
        new(name, making => Objective.Of(of(making.Value))) { Setting = setting, Values = values };
}
