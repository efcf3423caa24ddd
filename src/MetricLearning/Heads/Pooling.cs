using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Turns a feature map into one vector an image: <c>[N, C, h, w] → [N, D]</c>.</summary>
/// <remarks>To add one, derive and write <see cref="Pool"/>; shapes are checked and intermediate tensors are freed around it.</remarks>
public abstract class Pooling : nn.Module<Tensor, Tensor>
{
    /// <summary>Names the layer, as summaries print it.</summary>
    protected Pooling(string name) : base(name)
    {
    }

    /// <summary>The length D of the vector that is made of a map of so many channels: as long, unless a subclass says otherwise.</summary>
    public virtual long OutputDimension(long channels) => channels;

    /// <summary>The vector of each image.</summary>
    /// <param name="map">[N, C, h, w], floating point, with h and w of at least 1.</param>
    /// <returns>[N, D]. The caller disposes it.</returns>
    /// <exception cref="ArgumentException">The map has another shape; the message prints it.</exception>
    public sealed override Tensor forward(Tensor map)
    {
        ArgumentNullException.ThrowIfNull(map);
        if (map.dim() != 4 || map.size(2) == 0 || map.size(3) == 0)
            throw new ArgumentException($"map must be [N, C, h, w], got {Guard.Shape(map)}.", nameof(map));
        using var scope = NewDisposeScope();
        return Pool(map).MoveToOuterDisposeScope();
    }

    /// <summary>[N, C, h, w] → [N, D]. Tensors made here are freed by the caller.</summary>
    protected abstract Tensor Pool(Tensor map);
}
