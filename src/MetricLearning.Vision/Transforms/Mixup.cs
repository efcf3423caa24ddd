using static TorchSharp.torch;

namespace MetricLearning.Vision;

/// <summary>The weighted mean of two pictures, <c>λ x + (1 − λ) x'</c>, one λ from Beta(α, α) a batch. Zhang et al., <i>mixup</i>, ICLR
/// 2018.</summary>
/// <param name="alpha">The parameter of the distribution; 0.2 by default, as on ImageNet.</param>
public sealed class Mixup(double alpha = 0.2) : BatchMixing(alpha)
{
    private protected override (Tensor Images, double Weight) Mix(Tensor images, Tensor others, double share, SeededRandom random) =>
        ((images * S(share)).Plus(others * S(1 - share)), share);
}
