using static TorchSharp.torch;
using static TorchSharp.torch.nn.functional;

namespace MetricLearning.Benchmarks.Naive;

/// <summary>pytorch-metric-learning's CrossBatchMemory around ContrastiveLoss: lists of all pairs of the batch and the memory.</summary>
internal sealed class CrossBatchMemory(Tensor rows, Tensor labels) : IDisposable
{
    private readonly Tensor rows = rows.detach().clone(), labels = labels.clone();
    private long next;

    /// <summary>Overwrites the oldest rows.</summary>
    public void Add(Tensor x, Tensor y)
    {
        using var scope = NewDisposeScope();
        var places = arange(next, next + x.size(0), device: rows.device).remainder(rows.size(0));
        rows[places] = x.detach();
        labels[places] = y;
        next = (next + x.size(0)) % rows.size(0);
    }

    public Tensor Loss(Tensor x, Tensor y)
    {
        var d = Distances.EuclideanNormalized(x, rows.clone());
        var same = y.unsqueeze(1) == labels.unsqueeze(0);
        Tensor[] near = where(same), far = where(same.logical_not());
        return Pieces.NonZeroMean(relu(d[near[0], near[1]])) + Pieces.NonZeroMean(relu(1 - d[far[0], far[1]]));
    }

    public void Dispose()
    {
        rows.Dispose();
        labels.Dispose();
    }
}
