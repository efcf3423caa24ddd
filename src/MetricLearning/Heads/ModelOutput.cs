using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>The outputs of an embedding model for a batch. It owns the tensors: dispose it, or let the dispose scope around it free
/// them.</summary>
/// <remarks>Thread safety: one thread at a time, as the tensors themselves.</remarks>
/// <param name="Features">[N, D]: the pooled (and, if the model has a projection, projected) features, before the neck. Metric losses
/// take them.</param>
/// <param name="Embedding">[N, E]: the embedding that is compared at test time, after the neck. Without a neck it is the same tensor as the
/// features.</param>
/// <param name="Logits">[N, C]: class scores for the identity loss; null for a model without a classifier.</param>
public sealed record ModelOutput(Tensor Features, Tensor Embedding, Tensor? Logits) : IDisposable
{
    /// <summary>Frees the tensors. A second call does nothing.</summary>
    public void Dispose()
    {
        Features.Dispose();
        Embedding.Dispose();
        Logits?.Dispose();
    }
}
