using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Two views of the same rows: a model's embeddings of two augmentations of each image.</summary>
/// <remarks>Thread safety: immutable except for the tensors that it holds; any number of threads may read it at once.</remarks>
/// <param name="First">The first view [N, D], floating point; N may be 0.</param>
/// <param name="Second">The second view [N, D] of the same rows, in the same order, of the same type and on the same device.</param>
/// <exception cref="ArgumentNullException">A view is null.</exception>
public readonly record struct EmbeddingViews(Tensor First, Tensor Second)
{
    /// <summary>The first view [N, D], floating point; N may be 0.</summary>
    /// <exception cref="ArgumentNullException">The value is null.</exception>
    public Tensor First { get; init => field = Guard.NotNull(value); } = Guard.NotNull(First);

    /// <summary>The second view [N, D] of the same rows, in the same order, of the same type and on the same device.</summary>
    /// <exception cref="ArgumentNullException">The value is null.</exception>
    public Tensor Second { get; init => field = Guard.NotNull(value); } = Guard.NotNull(Second);
}
