using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>The batches of one step. Losses that look at the same tensor share one.</summary>
internal sealed class LossBatches : IDisposable
{
    private readonly Dictionary<Tensor, LossBatch> shared = new(ReferenceEqualityComparer.Instance);
    private readonly List<LossBatch> others = [];

    /// <summary>The batch of a tensor that meets itself. All callers give the same labels.</summary>
    public LossBatch Of(Tensor input, Tensor labels)
    {
        if (!shared.TryGetValue(input, out var batch)) shared[input] = batch = new(input, labels);
        return batch;
    }

    /// <summary>Takes over a batch that nobody shares.</summary>
    public LossBatch Add(LossBatch batch)
    {
        others.Add(batch);
        return batch;
    }

    /// <summary>Frees all batches.</summary>
    public void Dispose()
    {
        foreach (var batch in shared.Values.Concat(others)) batch.Dispose();
    }
}
