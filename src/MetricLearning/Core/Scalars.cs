#pragma warning disable RS0030 // the one place that makes scalars

using TorchSharp;
using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Numbers for TorchSharp that live as long as native code reads them: <c>x * S(2) + S(1)</c>, <c>x.clamp_min(S(0))</c>,
/// <c>x.Plus(y)</c>.</summary>
/// <remarks>
/// TorchSharp 0.107 turns each number into a native <see cref="Scalar"/>, hands over its address, and keeps no reference to it: a garbage
/// collection at that moment lets the finalizer free it while libtorch reads it. The call then throws "Unknown scalar type"; it might work
/// with another number as well. That holds for implicit conversions, for its operators on numbers, and for all that makes a number within,
/// such as the factor 1 of <c>x + y</c>. src/BannedSymbols.txt forbids them in the libraries; a test looks through the compiled code. Made
/// here, a scalar stays referenced until its thread has made 256 more; whoever keeps one longer keeps it alive himself, as none is ever
/// disposed. A native call ends before its thread makes 256 more.
/// </remarks>
internal static class Scalars
{
    private const int Held = 256;       // a power of two

    private static readonly Scalar one = 1.ToScalar();
    [ThreadStatic] private static Scalar[]? recent;
    [ThreadStatic] private static int made;

    public static HeldScalar S(double value) => new(Hold(value.ToScalar()));

    public static HeldScalar S(long value) => new(Hold(value.ToScalar()));

    public static HeldScalar S(int value) => new(Hold(value.ToScalar()));

    public static HeldScalar S(bool value) => new(Hold(value.ToScalar()));

    /// <summary>x + y.</summary>
    public static Tensor Plus(this Tensor x, Tensor y) => x.add(y, one);

    /// <summary>x + y, written into x.</summary>
    public static Tensor Plus_(this Tensor x, Tensor y) => x.add_(y, one);

    /// <summary>x + y.</summary>
    public static Tensor Plus(this Tensor x, Scalar y) => x.add(y, one);

    /// <summary>0, 1, ... count − 1: int64 [count].</summary>
    public static Tensor Iota(long count, Device? device = null) => Iota(0, count, device);

    /// <summary>first, ... end − 1: int64 [end − first].</summary>
    public static Tensor Iota(long first, long end, Device? device = null) =>
        arange(S(first), S(end), S(1), ScalarType.Int64, device ?? CPU);

    private static Scalar Hold(Scalar scalar) => (recent ??= new Scalar[Held])[made++ & (Held - 1)] = scalar;
}
