using static TorchSharp.torch;
using static TorchSharp.torch.nn.functional;

namespace MetricLearning.Benchmarks.Naive;

/// <summary>The authors' AdaFace, with its running mean and deviation of the lengths.</summary>
internal sealed class AdaFace
{
    private const double Margin = 0.4, Concentration = 0.333, Scale = 64, Momentum = 0.01, Epsilon = 1e-3;

    private double mean = 20, deviation = 100;

    public Tensor Loss(Tensor x, Tensor labels, Tensor weights)
    {
        var lengths = x.norm(1, keepdim: true);
        var cosines = (x / lengths).mm((weights / weights.norm(1, keepdim: true)).t()).clamp(-1 + Epsilon, 1 - Epsilon);
        var safe = lengths.detach().clamp(0.001, 100);
        mean = Momentum * safe.mean().item<float>() + (1 - Momentum) * mean;
        deviation = Momentum * safe.std().item<float>() + (1 - Momentum) * deviation;
        var z = ((safe - mean) / (deviation + Epsilon) * Concentration).clamp(-1, 1);
        var own = zeros_like(cosines).scatter(1, labels.view(-1, 1), ones_like(cosines));
        var bent = (cosines.acos() - own * Margin * z).clamp(Epsilon, Math.PI - Epsilon).cos();
        return cross_entropy((bent - own * (Margin + Margin * z)) * Scale, labels);
    }
}
