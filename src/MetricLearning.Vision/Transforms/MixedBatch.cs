using static TorchSharp.torch;

namespace MetricLearning.Vision;

/// <summary>A batch whose pictures are mixed with those of the same batch in another order. Owns its tensors.</summary>
/// <remarks>A class loss is <c>Weight · loss(logits, Labels) + (1 − Weight) · loss(logits, OtherLabels)</c>. A loss on tuples needs one
/// identity a picture, so do not mix for it.</remarks>
public sealed class MixedBatch : IDisposable
{
    internal MixedBatch(Tensor images, Tensor labels, Tensor otherLabels, double weight) =>
        (Images, Labels, OtherLabels, Weight) = (images, labels, otherLabels, weight);

    /// <summary>[N, C, H, W], of the type and on the device of the batch.</summary>
    public Tensor Images { get; }

    /// <summary>[N] int64: the classes of the pictures.</summary>
    public Tensor Labels { get; }

    /// <summary>[N] int64: the classes of what is mixed in.</summary>
    public Tensor OtherLabels { get; }

    /// <summary>The share of <see cref="Labels"/>, in [0, 1].</summary>
    public double Weight { get; }

    /// <summary>Frees the tensors.</summary>
    public void Dispose()
    {
        Images.Dispose();
        Labels.Dispose();
        OtherLabels.Dispose();
    }
}
