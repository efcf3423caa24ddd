#pragma warning disable RS0030 // this is the only place that makes scalars

using TorchSharp;
using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Makes numbers that stay alive while libtorch reads them: <c>x * S(2) + S(1)</c>, <c>x.clamp_min(S(0))</c>,
/// <c>x.Plus(y)</c>.</summary>
/// <remarks>
/// TorchSharp 0.107 turns each number into a native <see cref="Scalar"/>, passes its address to libtorch, and keeps no reference to it. A
/// garbage collection at that moment lets the finalizer free the scalar while libtorch reads it. The call then throws "Unknown scalar
/// type"; it might also compute with another number. Implicit conversions do this, the operators on numbers do it, and so does every method
/// that makes a number itself, such as the factor 1 of <c>x + y</c>. src/BannedSymbols.txt lists these members. The libraries' build
/// forbids them, and a test looks for them in the compiled code.
/// <para> A number made here is referenced until its thread has made 256 more. A native call ends long before that. None is ever disposed,
/// so a field that holds a number longer keeps it alive by itself. </para>
/// <para> Use it in losses, miners and distances of your own (docs/torchsharp.md, "Numbers in your own losses"): </para>
/// <code>
/// using static MetricLearning.Scalars;
///
/// sealed class SquaredCosine : Distance       // of rows of length 1
/// {
///     protected override Tensor MatrixCore(Tensor x, Tensor y) =&gt; S(1) - x.matmul(y.t()).pow(S(2));
///     protected override Tensor PairwiseCore(Tensor x, Tensor y) =&gt; S(1) - (x * y).sum(1).pow(S(2));
/// }
/// </code>
/// <para> Thread safety: any number of threads may call these methods at once; each thread keeps its own newest numbers alive. </para>
/// </remarks>
public static class Scalars
{
    private const int Held = 256;       // a power of two

    private static readonly Scalar one = 1.ToScalar();
    [ThreadStatic] private static Scalar[]? recent;
    [ThreadStatic] private static int made;

    /// <summary>Makes a float64 number. An operation with a float32 tensor stays float32, as in PyTorch.</summary>
    /// <param name="value">The number.</param>
    public static HeldScalar S(double value) => new(Hold(value.ToScalar()));

    /// <summary>Makes an int64 number.</summary>
    /// <param name="value">The number.</param>
    public static HeldScalar S(long value) => new(Hold(value.ToScalar()));

    /// <summary>Makes an integer number.</summary>
    /// <param name="value">The number.</param>
    public static HeldScalar S(int value) => new(Hold(value.ToScalar()));

    /// <summary>Makes a truth value, for masks.</summary>
    /// <param name="value">The truth value.</param>
    public static HeldScalar S(bool value) => new(Hold(value.ToScalar()));

    /// <summary>Computes <c>x + y</c> of two tensors, which broadcast. TorchSharp's own operator makes a new scalar 1 in each
    /// call.</summary>
    /// <param name="x">The first summand.</param>
    /// <param name="y">The second summand.</param>
    /// <returns>The sum, a new tensor, which the caller disposes.</returns>
    public static Tensor Plus(this Tensor x, Tensor y) => x.add(y, one);

    /// <summary>Computes <c>x + y</c> in place and returns x, the same object.</summary>
    /// <param name="x">The tensor that receives the sum.</param>
    /// <param name="y">The second summand.</param>
    /// <returns><paramref name="x"/>.</returns>
    public static Tensor Plus_(this Tensor x, Tensor y) => x.add_(y, one);

    /// <summary>Computes <c>x + y</c> of a tensor and a number.</summary>
    /// <param name="x">The tensor.</param>
    /// <param name="y">The number.</param>
    /// <returns>The sum, a new tensor, which the caller disposes.</returns>
    public static Tensor Plus(this Tensor x, Scalar y) => x.add(y, one);

    /// <summary>Computes <c>x + y</c> of a tensor and a number in place and returns x, the same object.</summary>
    /// <param name="x">The tensor that receives the sum.</param>
    /// <param name="y">The number.</param>
    /// <returns><paramref name="x"/>.</returns>
    public static Tensor Plus_(this Tensor x, Scalar y) => x.add_(y, one);

    /// <summary>Makes 0, 1, ... count − 1 as int64 [count]: <c>arange(count)</c> with bounds that stay alive.</summary>
    /// <param name="count">The number of integers, 0 or greater.</param>
    /// <param name="device">The device; null for the CPU.</param>
    /// <exception cref="ArgumentOutOfRangeException">The number is negative.</exception>
    public static Tensor Iota(long count, Device? device = null) => Iota(0, Guard.AtLeast(count, 0), device);

    /// <summary>Makes first, ... end − 1 as int64 [end − first]: <c>arange(first, end)</c> with bounds that stay alive.</summary>
    /// <param name="first">The first integer.</param>
    /// <param name="end">One more than the last integer; at least <paramref name="first"/>.</param>
    /// <param name="device">The device; null for the CPU.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="end"/> is less than <paramref name="first"/>.</exception>
    public static Tensor Iota(long first, long end, Device? device = null) =>
        arange(S(first), S(Guard.AtLeast(end, first)), S(1), ScalarType.Int64, device ?? CPU);

    private static Scalar Hold(Scalar scalar) => (recent ??= new Scalar[Held])[made++ & (Held - 1)] = scalar;
}
