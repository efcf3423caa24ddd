using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>The batches of one step. Losses on the same tensor share a batch.</summary>
internal sealed class LossBatches : IDisposable
{
    private readonly Dictionary<Tensor, LossBatch> shared = new(ReferenceEqualityComparer.Instance);
    private readonly List<LossBatch> others = [];

    /// <summary>Gets the batch of a tensor without references. All callers pass the same labels.</summary>
    public LossBatch Of(Tensor input, Tensor labels)
    {
        if (!shared.TryGetValue(input, out var batch)) shared[input] = batch = new(input, labels);
        return batch;
    }

    /// <summary>Takes ownership of a batch that is not shared.</summary>
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
