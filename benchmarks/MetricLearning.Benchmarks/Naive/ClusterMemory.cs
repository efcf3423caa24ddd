using static TorchSharp.torch;
using static TorchSharp.torch.nn.functional;

namespace MetricLearning.Benchmarks.Naive;

/// <summary>The authors' ClusterMemory, which moves its centers row by row.</summary>
internal sealed class ClusterMemory
{
    private const double Temperature = 0.05, Momentum = 0.1;

    private Tensor? centers;

    /// <summary>The centers before the first step.</summary>
    public static Tensor Start(long clusters, long width)
    {
        random.manual_seed(3);
        return normalize(randn(clusters, width));
    }

    public Tensor Loss(Tensor x, Tensor labels)
    {
        centers ??= Start(1000, 512).to(x.device).DetachFromDisposeScope();
        var unit = normalize(x);
        var loss = cross_entropy(unit.mm(centers.clone().t()) / Temperature, labels);
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        var clusters = labels.cpu().data<long>().ToArray();
        for (var row = 0; row < clusters.Length; row++)
        {
            var moved = Momentum * centers[clusters[row]] + (1 - Momentum) * unit[row];
            centers[clusters[row]] = moved / moved.norm();
        }
        return loss;
    }
}
