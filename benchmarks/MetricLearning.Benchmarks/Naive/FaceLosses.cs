using static TorchSharp.torch;
using static TorchSharp.torch.nn.functional;

namespace MetricLearning.Benchmarks.Naive;

/// <summary>Losses of face recognition against learned class vectors [C, D]. If a peer stores [D, C], this is the transpose.</summary>
internal static class FaceLosses
{
    /// <summary>pytorch-metric-learning's SphereFaceLoss.</summary>
    public static Tensor SphereFace(Tensor x, Tensor labels, Tensor weights) => LargeMargin(x, labels, Distances.Unit(weights));

    /// <summary>pytorch-metric-learning's LargeMarginSoftmaxLoss: powers of cosine and sine by the multiple-angle formula.</summary>
    public static Tensor LargeMargin(Tensor x, Tensor labels, Tensor weights)
    {
        const int margin = 4;
        var lengths = x.norm(1).unsqueeze(1) * weights.norm(1).unsqueeze(0);
        var cosines = x.matmul(weights.t()) / lengths;
        var mask = one_hot(labels, cosines.size(1));
        var own = cosines[mask.to(ScalarType.Bool)];
        var (c, s) = (own.unsqueeze(1), 1 - own.unsqueeze(1).pow(2));
        var multiple = (tensor([1f, -6f, 1f], device: x.device) * c.pow(tensor([4f, 2f, 0f], device: x.device))
            * s.pow(tensor([0f, 1f, 2f], device: x.device))).sum(dim: 1);
        var k = (own.detach().clamp(-1 + 1e-7, 1 - 1e-7).acos() / (Math.PI / margin)).floor();
        var bent = pow(-1, k) * multiple - 2 * k;
        return cross_entropy((cosines + mask * (bent - own).unsqueeze(1)) * lengths, labels);
    }

    /// <summary>pytorch-metric-learning's P2SGradLoss, which scales the vectors back to length 1 before each use.</summary>
    public static Tensor P2SGrad(Tensor x, Tensor labels, Tensor weights)
    {
        using (no_grad()) weights.copy_(weights / weights.norm(1, keepdim: true));
        var cosines = (x.mm(weights.t()) / x.pow(2).sum(1).sqrt().view(-1, 1)).clamp(-1, 1);
        return mse_loss(cosines, zeros_like(cosines).scatter(1, labels.view(-1, 1), ones_like(cosines)));
    }
}
