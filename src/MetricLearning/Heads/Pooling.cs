using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Turns a feature map into one vector for each image: <c>[N, C, h, w] → [N, D]</c>.</summary>
/// <remarks>
/// <para>To add one, derive a class and implement <see cref="Pool"/>. The base class checks the shapes and frees the intermediate
/// tensors.</para>
/// <para>Thread safety: any number of threads may call it at once. Training, loading weights and moving the layer are for one thread, while
/// no other uses it.</para>
/// </remarks>
public abstract class Pooling : nn.Module<Tensor, Tensor>
{
    /// <summary>Creates the layer with the name that summaries print.</summary>
    protected Pooling(string name) : base(name)
    {
    }

    /// <summary>The vector's length D: the number of channels, unless a subclass says otherwise.</summary>
    /// <param name="channels">The map's number of channels C.</param>
    public virtual long OutputDimension(long channels) => channels;

    /// <summary>The vector of each image.</summary>
    /// <param name="map">[N, C, h, w], floating point, with h and w of at least 1.</param>
    /// <returns>[N, D]. The caller disposes it.</returns>
    /// <exception cref="ArgumentException">The map has another shape; the message prints it.</exception>
    public sealed override Tensor forward(Tensor map)
    {
        Guard.InUse(this);
        Guard.Alive(map);
        if (map.dim() != 4 || map.size(2) == 0 || map.size(3) == 0)
            throw new ArgumentException($"map must be [N, C, h, w], got {Guard.Shape(map)}.", nameof(map));
        if (!map.is_floating_point()) throw new ArgumentException($"map must be floating point, got {map.dtype}.", nameof(map));
        using var scope = NewDisposeScope();
        return Returned.Shape(Pool(map), this, nameof(Pool), map.size(0), OutputDimension(map.size(1))).MoveToOuterDisposeScope();
    }

    /// <summary>[N, C, h, w] → [N, D]. The caller frees the tensors that are created here, except the result.</summary>
    protected abstract Tensor Pool(Tensor map);
}
