using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace MetricLearning;

/// <summary>1 / ‖x‖ of a row, as a power of two and a factor. Their product may be too large or too small for the type of the row, for
/// instance 1/10⁻⁴⁰ in float32. A row that is multiplied by one and then by the other has the length 1, whatever its size.</summary>
/// <param name="Power">The power of two. It brings the largest entry of the row near 1.</param>
/// <param name="Factor">The factor.</param>
internal readonly unsafe record struct InverseLength(double Power, double Factor)
{
    /// <summary>Sums of squares in float64 between these limits have neither underflowed nor overflowed.</summary>
    private const double LeastSquare = 1e-280, LargestSquare = 1e280;

    /// <summary>Whether <see cref="Value"/>, and the product of two such values, fits into float64.</summary>
    public bool IsOrdinary => Power is > 1e-150 and < 1e150;

    /// <summary>1 / ‖x‖.</summary>
    public double Value => Power * Factor;

    /// <summary>Measures a row. A zero row has the length 1, so that it stays zero. A row that is not finite has the length NaN.</summary>
    public static InverseLength Of<T>(T* row, int width) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var square = SimdRows.Dot(row, row, width);
        if (square is not (> LeastSquare and < LargestSquare)) return OfLargest(row, width);
        var length = Math.Sqrt(square);
        var power = PowerOf<T>(length);
        return new(power, 1 / (length * power));
    }

    /// <summary>Both factors, one in each entry of a vector.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public (Vector256<T> Power, Vector256<T> Factor) Vectors<T>() where T : unmanaged =>
        (Vector256.Create(KernelArrays.Narrow<T>(Power)), Vector256.Create(KernelArrays.Narrow<T>(Factor)));

    /// <summary>Measures a row whose squares may not fit into float64.</summary>
    private static InverseLength OfLargest<T>(T* row, int width) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var largest = 0.0;
        for (var k = 0; k < width; k++) largest = Math.Max(largest, Math.Abs(KernelArrays.Widen(row[k])));     // keeps NaN
        if (largest == 0) return new(1, 1);
        if (!double.IsFinite(largest)) return new(double.NaN, double.NaN);
        var power = PowerOf<T>(largest);
        var square = 0.0;
        for (var k = 0; k < width; k++)
        {
            var entry = KernelArrays.Widen(row[k]) * power;
            square += entry * entry;
        }
        return new(power, 1 / Math.Sqrt(square));
    }

    /// <summary>The power of two that brings a number near 1, as far as T has one.</summary>
    private static double PowerOf<T>(double number) where T : unmanaged
    {
        var limit = typeof(T) == typeof(float) ? 126 : 1022;
        return Math.ScaleB(1, Math.Clamp(-Math.ILogB(number), -limit, limit));
    }
}
