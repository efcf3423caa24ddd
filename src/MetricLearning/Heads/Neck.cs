using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>A layer on pooled features: <c>[N, D] → [N, E]</c>.</summary>
/// <remarks>
/// <para>To add one, derive a class and implement <see cref="Transform"/>. The base class checks the shapes and frees the intermediate
/// tensors.</para>
/// <para>Thread safety: in evaluation mode any number of threads may call it at once. Training, loading weights, moving the layer and
/// switching its mode are for one thread, while no other uses it.</para>
/// </remarks>
public abstract class Neck : nn.Module<Tensor, Tensor>
{
    /// <summary>Creates the layer with the name that summaries print.</summary>
    protected Neck(string name) : base(name)
    {
    }

    /// <summary>The output's length E, for features of length D.</summary>
    /// <param name="inputDimension">The features' length D.</param>
    /// <exception cref="ArgumentException">The layer does not take features of this length.</exception>
    public abstract long OutputDimension(long inputDimension);

    /// <summary>The layer's output.</summary>
    /// <param name="features">[N, D], floating point, of a type that the weights take.</param>
    /// <returns>[N, E]. The caller disposes it.</returns>
    /// <exception cref="ArgumentException">The features have another shape or type; the message prints it.</exception>
    public sealed override Tensor forward(Tensor features)
    {
        Guard.InUse(this);
        Guard.Matrix(features);
        var width = WidthFor(features);
        using var scope = NewDisposeScope();
        return Returned.Shape(Transform(features), this, nameof(Transform), features.size(0), width).MoveToOuterDisposeScope();
    }

    /// <summary>[N, D] → [N, E]. The caller frees the tensors that are created here, except the result.</summary>
    protected abstract Tensor Transform(Tensor features);

    /// <summary>The output's length. An error names the features, because the caller knows no other argument.</summary>
    private long WidthFor(Tensor features)
    {
        try
        {
            return OutputDimension(features.size(1));
        }
        catch (ArgumentException e)
        {
            throw new ArgumentException(MessageText.WithoutParameter(e), nameof(features), e);
        }
    }

    /// <summary>Fails unless the features have the length that the layer was made for.</summary>
    private protected static void Expect(long dimension, long inputDimension)
    {
        if (inputDimension != dimension)
            throw new ArgumentException($"features must be {dimension} wide, got {inputDimension}.", nameof(inputDimension));
    }

    /// <summary>Fails if batch norm would train on a single row.</summary>
    private protected void ExpectRowsToTrainOn(Tensor features)
    {
        if (training && features.size(0) < 2)
            throw new ArgumentException(
                $"features must have at least 2 rows while {GetName()} trains (batch norm has no variance of one), got "
                + $"{Guard.Shape(features)}; call eval() first to extract.", nameof(features));
    }
}
