using static TorchSharp.torch;

namespace MetricLearning.Vision;

/// <summary>A batch of pictures, ready for the network. Owns its tensors: they are in no dispose scope, so dispose the batch.</summary>
public sealed class ImageBatch : IDisposable
{
    internal ImageBatch(Tensor images, Tensor labels, IReadOnlyList<int> indices)
    {
        (Images, Labels, Indices) = (images, labels, indices);
    }

    /// <summary>[N, C, H, W] float32, normalized; C is 3, or 1 with <see cref="Normalize.Gray"/>.</summary>
    public Tensor Images { get; }

    /// <summary>[N] int64: the class of each picture, as in <see cref="ImageList.Labels"/>.</summary>
    public Tensor Labels { get; }

    /// <summary>The place of each picture in the loader's list.</summary>
    public IReadOnlyList<int> Indices { get; }

    /// <summary>The number of pictures, N.</summary>
    public int Count => Indices.Count;

    /// <summary>Frees the tensors.</summary>
    public void Dispose()
    {
        Images.Dispose();
        Labels.Dispose();
    }
}
