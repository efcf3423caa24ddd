using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Two views of the same rows: what a model gives for two augmentations of each image.</summary>
/// <remarks>Thread safety: immutable but for the tensors that it holds; any number of threads may read it at once.</remarks>
/// <param name="First">[N, D], floating point; N may be 0.</param>
/// <param name="Second">[N, D]: the other view of the same rows, in the same order, of the same type and device.</param>
/// <exception cref="ArgumentNullException">A view is null.</exception>
public readonly record struct EmbeddingViews(Tensor First, Tensor Second)
{
    /// <summary>[N, D], floating point; N may be 0.</summary>
    /// <exception cref="ArgumentNullException">The value is null.</exception>
    public Tensor First { get; init => field = Guard.NotNull(value); } = Guard.NotNull(First);

    /// <summary>[N, D]: the other view of the same rows, in the same order, of the same type and device.</summary>
    /// <exception cref="ArgumentNullException">The value is null.</exception>
    public Tensor Second { get; init => field = Guard.NotNull(value); } = Guard.NotNull(Second);
}
