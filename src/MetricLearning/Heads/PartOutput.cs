using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>What a model that looks at parts of a picture gives for a batch. The caller disposes the tensors.</summary>
/// <param name="Features">Each [N, D]: what metric losses see, a loss each.</param>
/// <param name="Embedding">[N, E]: what is compared at test time.</param>
/// <param name="Logits">Each [N, C]: class scores, an identity loss each; empty for a model without classifiers.</param>
public sealed record PartOutput(IReadOnlyList<Tensor> Features, Tensor Embedding, IReadOnlyList<Tensor> Logits)
{
    /// <summary>Hands all tensors over to the scope around the one given.</summary>
    internal PartOutput MoveToOuter(TorchSharp.DisposeScope scope)
    {
        scope.MoveToOuter([.. Features.Append(Embedding).Concat(Logits).Distinct(ReferenceEqualityComparer.Instance).Cast<Tensor>()]);
        return this;
    }
}
