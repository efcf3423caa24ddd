using static TorchSharp.torch;

namespace MetricLearning.Vision;

/// <summary>A batch of images, ready for the network. It owns its tensors, and no dispose scope frees them: dispose the batch.</summary>
/// <remarks>Thread safety: any number of threads may read it at once. Dispose it when no thread uses it any more.</remarks>
public sealed class ImageBatch : IDisposable
{
    private readonly Tensor images, labels;

    internal ImageBatch(Tensor images, Tensor labels, IReadOnlyList<int> indices) =>
        (this.images, this.labels, Indices) = (images, labels, indices);

    /// <summary>The normalized images [N, C, H, W], float32; C is 3, or 1 with <see cref="Normalize.Gray"/>.</summary>
    /// <exception cref="ObjectDisposedException">The batch has been disposed.</exception>
    public Tensor Images => Guard.Owned(images, this);

    /// <summary>The labels [N], int64, as in <see cref="ImageList.Labels"/>; zeros if the list has no identities.</summary>
    /// <exception cref="ObjectDisposedException">The batch has been disposed.</exception>
    public Tensor Labels => Guard.Owned(labels, this);

    /// <summary>The position of each image in the loader's list.</summary>
    public IReadOnlyList<int> Indices { get; }

    /// <summary>The number of images, N.</summary>
    public int Count => Indices.Count;

    /// <summary>Frees the tensors.</summary>
    public void Dispose()
    {
        images.Dispose();
        labels.Dispose();
    }
}
