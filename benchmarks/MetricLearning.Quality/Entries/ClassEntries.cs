namespace MetricLearning.Quality;

/// <summary>Losses with a vector for each class.</summary>
internal static class ClassEntries
{
    private const string Scale = "scale", Margin = "margin";

    /// <summary>The plain softmax, whose rows need not have length one.</summary>
    public static Entry Softmax { get; } = new("softmax", making => Objective.Of(new SoftmaxLoss(making.Classes, making.Dimension)))
    {
        Batches = Batches.Shuffled,
    };

    public static IReadOnlyList<Entry> All { get; } =
    [
        Softmax,
        new("label smoothing", making => Objective.OfLogits(new LabelSmoothingCrossEntropyLoss(making.Value)))
        {
            Setting = "smoothing", Values = [0.05, 0.1, 0.2], Classifies = true, Batches = Batches.Shuffled,
        },
        new("focal", making => Objective.OfLogits(new FocalLoss(making.Value)))
        {
            Setting = "gamma", Values = [1, 2], Classifies = true, Batches = Batches.Shuffled,
        },
        Of(EntryTable.Softmax, m => new NormalizedSoftmaxLoss(m.Classes, m.Dimension, m.Value), "temperature", 0.05, 0.1, 0.2),
        Of("normalized softmax, 16 × 4", m => new NormalizedSoftmaxLoss(m.Classes, m.Dimension, m.Value), "temperature", 0.05, 0.1, 0.2)
            with { Batches = Batches.P16K4 },
        Of("normalized softmax, class-balanced", m => new NormalizedSoftmaxLoss(m.Classes, m.Dimension, m.Value), "temperature",
            0.05, 0.1, 0.2) with { Batches = Batches.ClassBalanced },
        Of("CosFace", m => new CosFaceLoss(m.Classes, m.Dimension, margin: 0.2, scale: m.Value), Scale, 8, 16, 32),
        Of("ArcFace", m => new ArcFaceLoss(m.Classes, m.Dimension, margin: 0.2, scale: m.Value), Scale, 8, 16, 32),
        Of("AdaFace", m => new AdaFaceLoss(m.Classes, m.Dimension, margin: 0.2, scale: m.Value), Scale, 8, 16, 32),
        Of("CurricularFace", m => new CurricularFaceLoss(m.Classes, m.Dimension, margin: 0.2, scale: m.Value), Scale, 8, 16, 32),
        Of("sub-center ArcFace", m => new SubCenterArcFaceLoss(m.Classes, m.Dimension, margin: 0.2, scale: m.Value), Scale, 8, 16, 32),
        Of("circle softmax", m => new CircleSoftmaxLoss(m.Classes, m.Dimension, scale: m.Value), Scale, 8, 16, 32),
        Of("large-margin softmax", m => new LargeMarginSoftmaxLoss(m.Classes, m.Dimension, (int)m.Value), Margin, 1, 2, 4),
        Of("SphereFace", m => new SphereFaceLoss(m.Classes, m.Dimension, (int)m.Value), Margin, 1, 2, 4),
        Of("P2SGrad", m => new P2SGradLoss(m.Classes, m.Dimension), null),
        Of("Proxy Anchor", m => new ProxyAnchorLoss(m.Classes, m.Dimension, scale: m.Value), Scale, 8, 16, 32),
        Of("Proxy NCA", m => new ProxyNcaLoss(m.Classes, m.Dimension, m.Value), Scale, 1, 4, 8),
        Of("Proxy NCA++", m => ProxyNcaLoss.PlusPlus(m.Classes, m.Dimension), null),
        Of("SoftTriple", m => new SoftTripleLoss(m.Classes, m.Dimension, centersPerClass: 2, scale: m.Value), Scale, 8, 20),
        Of("manifold", m => new ManifoldLoss(m.Classes, m.Dimension), null),
        new("softmax + center", making => Objective.Of(new LossSum()
            .Add("softmax", new SoftmaxLoss(making.Classes, making.Dimension), output => output.Embedding)
            .Add("center", new CenterLoss(making.Classes, making.Dimension), output => output.Embedding, making.Value)))
        {
            Setting = "weight", Values = [0.0005, 0.005, 0.05], Batches = Batches.Shuffled,
        },
    ];

    private static Entry Of(string name, Func<Making, ClassLoss> of, string? setting, params double[] values) =>
        new(name, making => Objective.Of(of(making))) { Setting = setting, Values = values, Batches = Batches.Shuffled };
}
