using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Tuples whose anchors are the means of the classes of a batch, for <c>loss.forward(t.Means, t.Tuples,
/// t.References)</c>.</summary>
/// <param name="Means">[C, D] with gradient: the mean of each class, in ascending order of the labels.</param>
/// <param name="References">[N + C, D] with gradient: the embeddings, followed by the means again.</param>
/// <param name="Tuples">The tuples over C rows and N + C columns.</param>
/// <remarks>Thread safety: immutable; any number of threads may read it at once. Dispose it when no thread reads it any more.</remarks>
public sealed record ClusterTuples(Tensor Means, Tensor References, Tuples Tuples) : IDisposable
{
    /// <summary>Frees the tensors. Autograd keeps what it needs.</summary>
    public void Dispose()
    {
        Means.Dispose();
        References.Dispose();
        Tuples.Dispose();
    }
}
