using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace MetricLearning;

/// <summary>eˣ, to 2 units in the last place, for x that is neither NaN nor above 88; 0 if eˣ is below the normal numbers.</summary>
/// <remarks>
/// x = n·log 2 + r with |r| ≤ ½ log 2. eʳ is a polynomial of r (for float64 a quotient of two polynomials), and n is added to the exponent.
/// The coefficients are those of Cephes' <c>expf</c> and <c>exp</c>. n·log 2 is subtracted in two steps, and the first step is exact.
/// </remarks>
internal static class Exponential
{
    /// <summary>eˣ of floats or doubles; e⁻∞ is 0.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<T> Of<T>(Vector256<T> x) where T : unmanaged =>
        typeof(T) == typeof(float) ? Of(x.AsSingle()).As<float, T>() : Of(x.AsDouble()).As<double, T>();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> Of(Vector256<float> x)
    {
        const float Least = -87.33654f, Shift = 12582912;      // 1.5·2²³: adding it rounds to an integer
        var shifted = MultiplyAdd(x, 1.44269504f, Vector256.Create(Shift));
        var n = shifted - Vector256.Create(Shift);
        var r = MultiplyAdd(n, 2.12194440e-4f, MultiplyAdd(n, -0.693359375f, x));
        var p = Vector256.Create(1.9875691500e-4f);
        p = MultiplyAdd(p, r, 1.3981999507e-3f);
        p = MultiplyAdd(p, r, 8.3334519073e-3f);
        p = MultiplyAdd(p, r, 4.1665795894e-2f);
        p = MultiplyAdd(p, r, 1.6666665459e-1f);
        p = MultiplyAdd(p, r, 5.0000001201e-1f);
        p = MultiplyAdd(p, r * r, r) + Vector256<float>.One;
        var power = (p.AsInt32() + Vector256.ShiftLeft(shifted.AsInt32(), 23)).AsSingle();
        return Vector256.AndNot(power, Vector256.LessThan(x, Vector256.Create(Least)));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<double> Of(Vector256<double> x)
    {
        const double Least = -708.39641853226408, Shift = 6755399441055744;    // 1.5·2⁵²
        var shifted = x * 1.4426950408889634 + Vector256.Create(Shift);
        var n = shifted - Vector256.Create(Shift);
        var r = x - n * 6.93145751953125e-1 - n * 1.42860682030941723212e-6;
        var square = r * r;
        var above = Vector256.Create(1.26177193074810590878e-4);
        above = above * square + Vector256.Create(3.02994407707441961300e-2);
        above = (above * square + Vector256.Create(9.99999999999999999910e-1)) * r;
        var below = Vector256.Create(3.00198505138664455042e-6);
        below = below * square + Vector256.Create(2.52448340349684104192e-3);
        below = below * square + Vector256.Create(2.27265548208155028766e-1);
        below = below * square + Vector256.Create(2.0);
        var p = Vector256<double>.One + above * 2 / (below - above);
        var power = (p.AsInt64() + Vector256.ShiftLeft(shifted.AsInt64(), 52)).AsDouble();
        return Vector256.AndNot(power, Vector256.LessThan(x, Vector256.Create(Least)));
    }

    private static Vector256<float> MultiplyAdd(Vector256<float> x, float y, Vector256<float> z) => MultiplyAdd(x, Vector256.Create(y), z);

    private static Vector256<float> MultiplyAdd(Vector256<float> x, Vector256<float> y, float z) => MultiplyAdd(x, y, Vector256.Create(z));

    /// <summary>x·y + z, rounded once if the processor has FMA.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> MultiplyAdd(Vector256<float> x, Vector256<float> y, Vector256<float> z) =>
        Fma.IsSupported ? Fma.MultiplyAdd(x, y, z) : x * y + z;
}
