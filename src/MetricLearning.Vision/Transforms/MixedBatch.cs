using static TorchSharp.torch;

namespace MetricLearning.Vision;

/// <summary>A batch whose images are mixed with the images of the same batch in another order. It owns its tensors: dispose it.</summary>
/// <remarks>The classification loss of a mixed batch is <c>Weight · loss(logits, Labels) + (1 − Weight) · loss(logits, OtherLabels)</c>.
/// Do not use mixed batches with losses on pairs or triplets, which need one identity per image. Thread safety: any number of threads may
/// read it at once. Dispose it when no thread uses it any more.</remarks>
public sealed class MixedBatch : IDisposable
{
    private readonly Tensor images, labels, otherLabels;

    internal MixedBatch(Tensor images, Tensor labels, Tensor otherLabels, double weight) =>
        (this.images, this.labels, this.otherLabels, Weight) = (images, labels, otherLabels, weight);

    /// <summary>The mixed images [N, C, H, W], of the type and on the device of the batch.</summary>
    /// <exception cref="ObjectDisposedException">The batch has been disposed.</exception>
    public Tensor Images => Guard.Owned(images, this);

    /// <summary>The labels [N], int64, of the images.</summary>
    /// <exception cref="ObjectDisposedException">The batch has been disposed.</exception>
    public Tensor Labels => Guard.Owned(labels, this);

    /// <summary>The labels [N], int64, of the images that are mixed in.</summary>
    /// <exception cref="ObjectDisposedException">The batch has been disposed.</exception>
    public Tensor OtherLabels => Guard.Owned(otherLabels, this);

    /// <summary>The weight of <see cref="Labels"/>, in [0, 1].</summary>
    public double Weight { get; }

    /// <summary>Frees the tensors.</summary>
    public void Dispose()
    {
        images.Dispose();
        labels.Dispose();
        otherLabels.Dispose();
    }
}
