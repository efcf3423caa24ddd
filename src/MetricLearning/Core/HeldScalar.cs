using TorchSharp;
using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>A number for TorchSharp that <see cref="Scalars"/> keeps alive; <c>S(2)</c> makes one.</summary>
/// <remarks>
/// It converts to a TorchSharp <see cref="Scalar"/>, so every method that takes a scalar takes it. Its operators compute what TorchSharp's
/// operators compute for a number, element by element and with gradient, but every scalar that they use stays referenced. Only
/// <see cref="Scalars"/> makes values; the default value has no number and cannot be used.
/// <para> Thread safety: use a value only on the thread that made it, and only in the expression that made it. It is kept alive until that
/// thread has made 256 more. </para>
/// </remarks>
public readonly struct HeldScalar
{
    private readonly Scalar scalar;

    internal HeldScalar(Scalar scalar) => this.scalar = scalar;

    /// <summary>Converts the number to TorchSharp's type.</summary>
    public static implicit operator Scalar(HeldScalar number) => number.scalar;

    /// <summary><c>x + y</c>.</summary>
    public static Tensor operator +(Tensor x, HeldScalar y) => x.Plus(y.scalar);

    /// <summary><c>x + y</c>.</summary>
    public static Tensor operator +(HeldScalar x, Tensor y) => y.Plus(x.scalar);

    /// <summary><c>x − y</c>.</summary>
    public static Tensor operator -(Tensor x, HeldScalar y) => x.sub(y.scalar);

    /// <summary><c>x − y</c>, computed as <c>−y + x</c>.</summary>
    public static Tensor operator -(HeldScalar x, Tensor y)
    {
        using var negative = y.negative();
        return negative.Plus(x.scalar);
    }

    /// <summary><c>x · y</c>.</summary>
    public static Tensor operator *(Tensor x, HeldScalar y) => x.mul(y.scalar);

    /// <summary><c>x · y</c>.</summary>
    public static Tensor operator *(HeldScalar x, Tensor y) => y.mul(x.scalar);

    /// <summary><c>x / y</c>.</summary>
    public static Tensor operator /(Tensor x, HeldScalar y) => x.div(y.scalar);

    /// <summary><c>x / y</c>, computed as <c>(1 / y) · x</c>.</summary>
    public static Tensor operator /(HeldScalar x, Tensor y)
    {
        using var inverse = y.reciprocal();
        return inverse.mul(x.scalar);
    }
}
