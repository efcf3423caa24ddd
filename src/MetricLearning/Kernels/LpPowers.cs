using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Powers of the differences of two float32 rows, for a whole order p.</summary>
/// <remarks>Powers and sums are float64, so no power of a float32 number becomes 0 or overflows.</remarks>
internal static unsafe class LpPowers
{
    /// <summary>How many numbers a gradient of float64 has after its row, at most, to hold whole vectors.</summary>
    public const int Padding = 7;

    /// <summary>The largest order of which no power of a float32 number leaves the range of float64.</summary>
    private const int LargestOrder = 6;

    /// <summary>Whether these loops can read the tensor and compute the order.</summary>
    public static bool Supports(Tensor x, double order) =>
        SimdRows.Supports(x) && x.dtype == ScalarType.Float32 && double.IsInteger(order) && order <= LargestOrder;

    /// <summary><c>d = (Σ |aᵢ − bᵢ|ᵖ)^(1/p)</c>.</summary>
    public static double Distance(float* a, float* b, int order, int width)
    {
        var sum = Sum(a, b, order, width);
        return order switch { 1 => sum, 2 => Math.Sqrt(sum), 3 => Math.Cbrt(sum), _ => Math.Pow(sum, 1.0 / order) };
    }

    /// <summary>Writes <c>factor·∂d/∂a</c>.</summary>
    /// <param name="to">The gradient of a.</param>
    /// <param name="a">The row.</param>
    /// <param name="b">The other row.</param>
    /// <param name="order">The order p.</param>
    /// <param name="factor">What the gradient is multiplied by. A factor of 0 gives 0, also where the difference is not finite.</param>
    /// <param name="distance">d, above 0.</param>
    /// <param name="width">The number of entries.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void WriteGradient(float* to, float* a, float* b, int order, double factor, double distance, int width)
    {
        if (factor == 0)
        {
            new Span<float>(to, width).Clear();
            return;
        }
        var (times, inverse) = (Vector256.Create(factor), Vector256.Create(1 / distance));
        for (var k = 0; k < width; k += Vector256<float>.Count)
        {
            var (first, second) = Differences(a, b, k, width);
            SimdRows.Store(to, k, width, Vector256.Narrow(Slope(first, inverse, order) * times, Slope(second, inverse, order) * times));
        }
    }

    /// <summary>Adds <c>factor·∂d/∂a</c> to a float64 gradient, with <see cref="Padding"/> after it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void AddGradient(double* to, float* a, float* b, int order, double factor, double distance, int width)
    {
        var (times, inverse) = (Vector256.Create(factor), Vector256.Create(1 / distance));
        for (var k = 0; k < width; k += Vector256<float>.Count)
        {
            var (first, second) = Differences(a, b, k, width);
            (Vector256.Load(to + k) + Slope(first, inverse, order) * times).Store(to + k);
            (Vector256.Load(to + k + 4) + Slope(second, inverse, order) * times).Store(to + k + 4);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static double Sum(float* a, float* b, int order, int width)
    {
        Vector256<double> even = default, odd = default;
        for (var k = 0; k < width; k += Vector256<float>.Count)
        {
            var (first, second) = Differences(a, b, k, width);
            even += Power(Vector256.Abs(first), order);
            odd += Power(Vector256.Abs(second), order);
        }
        return Vector256.Sum(even + odd);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static (Vector256<double>, Vector256<double>) Differences(float* a, float* b, int start, int width)
    {
        var ((a1, a2), (b1, b2)) = (Vector256.Widen(SimdRows.Load(a, start, width)), Vector256.Widen(SimdRows.Load(b, start, width)));
        return (a1 - b1, a2 - b2);
    }

    /// <summary><c>sign(δ)·(|δ|/d)^(p−1)</c>, the derivative of the distance by a difference δ; 0 for a difference of 0.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<double> Slope(Vector256<double> difference, Vector256<double> inverse, int order)
    {
        var size = Power(Vector256.Abs(difference) * inverse, order - 1);
        return Vector256.ConditionalSelect(Vector256.Equals(difference, Vector256<double>.Zero), Vector256<double>.Zero,
            size | (difference & Vector256.Create(-0.0)));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<double> Power(Vector256<double> x, int order)
    {
        var power = Vector256<double>.One;
        for (var k = 0; k < order; k++) power *= x;
        return power;
    }
}
