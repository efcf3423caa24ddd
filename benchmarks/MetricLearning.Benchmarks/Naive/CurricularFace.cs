using static TorchSharp.torch;
using static TorchSharp.torch.nn.functional;

namespace MetricLearning.Benchmarks.Naive;

/// <summary>The authors' CurricularFace, with its running mean of the own class's cosine.</summary>
internal sealed class CurricularFace
{
    private const double Margin = 0.5, Scale = 64, Momentum = 0.01;

    private double t;

    public Tensor Loss(Tensor x, Tensor labels, Tensor weights)
    {
        var cosines = (x / x.norm(1, keepdim: true)).mm((weights / weights.norm(1, keepdim: true)).t()).clamp(-1, 1);
        var own = cosines[arange(x.size(0), device: x.device), labels].view(-1, 1);
        var bent = own * Math.Cos(Margin) - (1 - own.pow(2)).sqrt() * Math.Sin(Margin);
        var hard = cosines > bent;
        var final = where(own > Math.Cos(Math.PI - Margin), bent, own - Math.Sin(Math.PI - Margin) * Margin);
        t = Momentum * own.detach().mean().item<float>() + (1 - Momentum) * t;
        var scores = cosines.clone();
        var found = cosines[hard];
        scores[hard] = found * (t + found);
        return cross_entropy(scores.scatter(1, labels.view(-1, 1), final) * Scale, labels);
    }
}
