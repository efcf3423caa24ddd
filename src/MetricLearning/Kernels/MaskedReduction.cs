using System.Numerics;
using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Reduces the entries of a row that a mask keeps to one value, and computes its gradient. NaN anywhere in the row gives NaN,
/// except in <see cref="MaskedCount{TFunction}"/>.</summary>
internal abstract unsafe class MaskedReduction
{
    /// <summary>The values of all rows by tensor operations, [N] with gradient.</summary>
    /// <param name="x">[N, M].</param>
    /// <param name="mask">bool [N, M].</param>
    public abstract Tensor Plain(Tensor x, Tensor mask);

    /// <summary>The value of a row.</summary>
    /// <param name="x">The row.</param>
    /// <param name="mask">Its mask: one byte per entry, 1 if it is kept.</param>
    /// <param name="count">M.</param>
    public abstract double Reduce<T>(T* x, byte* mask, int count) where T : unmanaged, IBinaryFloatingPointIeee754<T>;

    /// <summary>Adds <paramref name="factor"/> times the gradient of the value to <paramref name="to"/>.</summary>
    /// <param name="x">The row.</param>
    /// <param name="mask">Its mask.</param>
    /// <param name="count">M.</param>
    /// <param name="value">The value of the row; not NaN.</param>
    /// <param name="factor">The incoming gradient of the value.</param>
    /// <param name="to">M entries.</param>
    public abstract void AddGradient<T>(T* x, byte* mask, int count, T value, T factor, T* to)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>;
}
