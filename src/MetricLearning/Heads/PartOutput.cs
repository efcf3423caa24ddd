using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>The outputs of a model with parts for a batch. It owns the tensors: dispose it, or let the dispose scope
/// around it free them.</summary>
/// <remarks>Thread safety: one thread at a time, as the tensors themselves.</remarks>
/// <param name="Features">Each [N, D]: the features that metric losses take, one loss for each.</param>
/// <param name="Embedding">[N, E]: the embedding that is compared at test time.</param>
/// <param name="Logits">Each [N, C]: class scores, one identity loss for each; empty for a model without classifiers.</param>
public sealed record PartOutput(IReadOnlyList<Tensor> Features, Tensor Embedding, IReadOnlyList<Tensor> Logits) : IDisposable
{
    /// <summary>Frees the tensors. A second call does nothing.</summary>
    public void Dispose()
    {
        foreach (var tensor in Tensors) tensor.Dispose();
    }

    /// <summary>All tensors. A tensor that is used twice occurs twice.</summary>
    internal IEnumerable<Tensor> Tensors => Features.Append(Embedding).Concat(Logits);

    /// <summary>Hands all tensors over to the scope around the one given.</summary>
    internal PartOutput MoveToOuter(TorchSharp.DisposeScope scope)
    {
        scope.MoveToOuter([.. Tensors.Distinct(ReferenceEqualityComparer.Instance).Cast<Tensor>()]);
        return this;
    }
}
