using System.Numerics;
using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>A number for a row of a matrix, made of the entries that a mask keeps, and its gradient. NaN in the row makes it NaN.</summary>
internal abstract unsafe class MaskedReduction
{
    /// <summary>The numbers of all rows by tensor operations, with gradient.</summary>
    /// <param name="x">[N, M].</param>
    /// <param name="mask">bool [N, M].</param>
    public abstract Tensor Plain(Tensor x, Tensor mask);

    /// <summary>The number of a row.</summary>
    public abstract double Of<T>(T* x, byte* mask, int count) where T : unmanaged, IBinaryFloatingPointIeee754<T>;

    /// <summary>Adds a multiple of the gradient to a row.</summary>
    /// <param name="x">The row.</param>
    /// <param name="mask">Its mask.</param>
    /// <param name="count">M.</param>
    /// <param name="value">The number of the row; not NaN.</param>
    /// <param name="factor">What the gradient is multiplied with.</param>
    /// <param name="to">M numbers.</param>
    public abstract void AddGradient<T>(T* x, byte* mask, int count, T value, T factor, T* to)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>;
}
