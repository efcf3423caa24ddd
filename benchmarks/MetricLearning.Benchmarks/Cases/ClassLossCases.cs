using static TorchSharp.torch;

namespace MetricLearning.Benchmarks;

/// <summary>Losses that compare rows with learned vectors, both 512 wide, and losses on logits.</summary>
internal static class ClassLossCases
{
    private const int Classes = 1000;

    private static readonly (int Rows, int Width)[] logits = [(64, Classes), (256, Classes)];

    public static IEnumerable<Case> All =>
    [
        .. Of("ArcFace", () => new ArcFaceLoss(Classes, 512), (x, y, w) => Naive.ClassLosses.ArcFace(x, y, w)),
        .. Of("ArcFace, 10,000 classes", () => new ArcFaceLoss(10_000, 512), (x, y, w) => Naive.ClassLosses.ArcFace(x, y, w)),
        .. Of("sub-center ArcFace", () => new SubCenterArcFaceLoss(Classes, 512), (x, y, w) => Naive.ClassLosses.SubCenterArcFace(x, y, w)),
        .. Of("CosFace", () => new CosFaceLoss(Classes, 512), (x, y, w) => Naive.ClassLosses.CosFace(x, y, w)),
        .. Of("SphereFace", () => new SphereFaceLoss(Classes, 512), Naive.FaceLosses.SphereFace),
        .. Of("large-margin softmax", () => new LargeMarginSoftmaxLoss(Classes, 512), Naive.FaceLosses.LargeMargin),
        .. Of("P2SGrad", () => new P2SGradLoss(Classes, 512), Naive.FaceLosses.P2SGrad),
        .. WithState("AdaFace", () => new AdaFaceLoss(Classes, 512), () => new Naive.AdaFace().Loss),
        .. WithState("CurricularFace", () => new CurricularFaceLoss(Classes, 512), () => new Naive.CurricularFace().Loss),
        .. Of("softmax", () => new SoftmaxLoss(Classes, 512), Naive.ClassLosses.Softmax),
        .. Of("normalized softmax", () => new NormalizedSoftmaxLoss(Classes, 512), Naive.ClassLosses.NormalizedSoftmax),
        .. Of("circle softmax", () => new CircleSoftmaxLoss(Classes, 512), (x, y, w) => Naive.ClassLosses.CircleSoftmax(x, y, w)),
        .. Of("proxy anchor", () => new ProxyAnchorLoss(Classes, 512), (x, y, w) => Naive.ClassLosses.ProxyAnchor(x, y, w)),
        .. Of("proxy NCA", () => new ProxyNcaLoss(Classes, 512), Naive.ClassLosses.ProxyNca),
        .. Of("soft triple", () => new SoftTripleLoss(Classes, 512), (x, y, w) => Naive.ClassLosses.SoftTriple(x, y, w)),
        .. Of("center", () => new CenterLoss(Classes, 512), Naive.ClassLosses.Center),
        .. LossWork.Of("cluster contrast", [(256, 512), (1024, 512)], Agreement.Rounding, ClusterContrast, () =>
        {
            var memory = new Naive.ClusterMemory();
            return (x, y, _) => memory.Loss(x, y);
        }, keepsState: true),
        .. LossWork.Of("manifold, 64 proxies", [(64, 512), (256, 512)], Agreement.Rounding, () => new ManifoldLoss(64, 512),
            () => (x, y, learned) => Naive.ClassLosses.Manifold(x, y, learned[0])),
        .. LossWork.Of("label smoothing (logits of 1,000 classes)", logits, Agreement.Rounding, () => new LabelSmoothingCrossEntropyLoss(),
            () => (x, y, _) => Naive.ClassLosses.LabelSmoothing(x, y)),
        .. LossWork.Of("focal (logits of 1,000 classes)", logits, Agreement.Rounding, () => new FocalLoss(),
            () => (x, y, _) => Naive.ClassLosses.Focal(x, y)),
    ];

    private static IEnumerable<Case> Of(string name, Func<MetricLoss> ours, Func<Tensor, Tensor, Tensor, Tensor> naive) =>
        LossWork.Of(name, [(256, 512), (1024, 512)], Agreement.Rounding, ours, () => (x, y, learned) => naive(x, y, learned[0]));

    private static IEnumerable<Case> WithState(string name, Func<MetricLoss> ours, Func<Func<Tensor, Tensor, Tensor, Tensor>> naive) =>
        LossWork.Of(name, [(256, 512), (1024, 512)], Agreement.Rounding, ours, () =>
        {
            var loss = naive();
            return (x, y, learned) => loss(x, y, learned[0]);
        }, keepsState: true);

    private static ClusterContrastLoss ClusterContrast()
    {
        using var centers = Naive.ClusterMemory.Start(Classes, 512);
        return new(centers);
    }
}
