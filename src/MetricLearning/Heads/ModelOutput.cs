using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>What an embedding model gives for a batch.</summary>
/// <param name="Features">[N, D]: the pooled (and, where the model has a projection, projected) features, before the neck. Metric losses
/// see these.</param>
/// <param name="Embedding">[N, E]: what is compared at test time (behind the neck). Without a neck it is the same tensor as the
/// features.</param>
/// <param name="Logits">[N, C]: class scores for the identity loss; null for a model without a classifier.</param>
public readonly record struct ModelOutput(Tensor Features, Tensor Embedding, Tensor? Logits);
