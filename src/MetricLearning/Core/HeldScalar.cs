using TorchSharp;
using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>A number that <see cref="Scalars"/> keeps alive: a <see cref="TorchSharp.Scalar"/> with operators that make no further
/// one.</summary>
internal readonly struct HeldScalar(Scalar scalar)
{
    private readonly Scalar scalar = scalar;

    public static implicit operator Scalar(HeldScalar number) => number.scalar;

    public static Tensor operator +(Tensor x, HeldScalar y) => x.Plus(y.scalar);

    public static Tensor operator +(HeldScalar x, Tensor y) => y.Plus(x.scalar);

    public static Tensor operator -(Tensor x, HeldScalar y) => x.sub(y.scalar);

    public static Tensor operator -(HeldScalar x, Tensor y)
    {
        using var negative = y.negative();
        return negative.Plus(x.scalar);
    }

    public static Tensor operator *(Tensor x, HeldScalar y) => x.mul(y.scalar);

    public static Tensor operator *(HeldScalar x, Tensor y) => y.mul(x.scalar);

    public static Tensor operator /(Tensor x, HeldScalar y) => x.div(y.scalar);

    public static Tensor operator /(HeldScalar x, Tensor y)
    {
        using var inverse = y.reciprocal();
        return inverse.mul(x.scalar);
    }
}
