using static TorchSharp.torch;

namespace MetricLearning.Vision;

/// <summary>The weighted mean of two images, <c>λ x + (1 − λ) x'</c>, with one λ from Beta(α, α) per batch. Zhang et al., <i>mixup</i>,
/// ICLR 2018.</summary>
/// <param name="alpha">The parameter α of the distribution, greater than 0. Default: 0.2, as on ImageNet.</param>
/// <exception cref="ArgumentOutOfRangeException"><paramref name="alpha"/> is not finite and greater than 0.</exception>
public sealed class Mixup(double alpha = 0.2) : BatchMixing(alpha)
{
    private protected override (Tensor Images, double Weight) Mix(Tensor images, Tensor others, double share, SeededRandom random) =>
        ((images * S(share)).Plus(others * S(1 - share)), share);
}
