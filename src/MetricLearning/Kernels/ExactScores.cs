using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace MetricLearning;

/// <summary>Scores of two rows in float64, by additions in one fixed order: the same bits on every processor, whatever the number of
/// threads.</summary>
/// <remarks>Sixteen partial sums, one for each place of the row modulo 16, are added as a tree; the last places of a row whose length is
/// no multiple of 16 are added one after the other. Products of float32 numbers are exact in float64.</remarks>
internal static unsafe class ExactScores
{
    /// <summary><c>Σ xᵢ yᵢ</c>.</summary>
    public static double Dot<T>(T* x, T* y, int length) where T : unmanaged
    {
        Vector512<double> even = default, odd = default;
        var i = 0;
        for (; i <= length - 16; i += 16)
        {
            var (x0, x1) = Load(x + i);
            var (y0, y1) = Load(y + i);
            even += x0 * y0;
            odd += x1 * y1;
        }
        var rest = 0.0;
        for (; i < length; i++) rest += Widen(x[i]) * Widen(y[i]);
        return Sum(even + odd) + rest;
    }

    /// <summary><c>Σ (xᵢ − yᵢ)²</c>.</summary>
    public static double SquaredDistance<T>(T* x, T* y, int length) where T : unmanaged
    {
        Vector512<double> even = default, odd = default;
        var i = 0;
        for (; i <= length - 16; i += 16)
        {
            var (x0, x1) = Load(x + i);
            var (y0, y1) = Load(y + i);
            x0 -= y0;
            x1 -= y1;
            even += x0 * x0;
            odd += x1 * x1;
        }
        var rest = 0.0;
        for (; i < length; i++)
        {
            var difference = Widen(x[i]) - Widen(y[i]);
            rest += difference * difference;
        }
        return Sum(even + odd) + rest;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static (Vector512<double>, Vector512<double>) Load<T>(T* p) where T : unmanaged =>
        typeof(T) == typeof(float)
            ? Vector512.Widen(Vector512.Load((float*)p))
            : (Vector512.Load((double*)p), Vector512.Load((double*)p + 8));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static double Widen<T>(T value) where T : unmanaged => typeof(T) == typeof(float) ? *(float*)&value : *(double*)&value;

    private static double Sum(Vector512<double> v) => ((v[0] + v[1]) + (v[2] + v[3])) + ((v[4] + v[5]) + (v[6] + v[7]));
}
