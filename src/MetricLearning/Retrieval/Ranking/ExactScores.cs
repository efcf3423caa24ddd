using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace MetricLearning;

/// <summary>Computes scores of two rows in float64, by additions in one fixed order. They have the same bits on every processor and for
/// every number of threads.</summary>
/// <remarks>Sixteen partial sums, one for each place of the row modulo 16, are added as a tree. If the length of a row is not a multiple of
/// 16, its last places are added one after the other. Products of float32 numbers are exact in float64.</remarks>
internal static unsafe class ExactScores
{
    /// <summary><c>Σ xᵢ yᵢ</c>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static double Dot<T>(T* x, T* y, int length) where T : unmanaged
    {
        Vector256<double> s0 = default, s1 = default, s2 = default, s3 = default;
        var i = 0;
        for (; i <= length - 16; i += 16)
        {
            s0 += Load(x + i) * Load(y + i);
            s1 += Load(x + i + 4) * Load(y + i + 4);
            s2 += Load(x + i + 8) * Load(y + i + 8);
            s3 += Load(x + i + 12) * Load(y + i + 12);
        }
        var rest = 0.0;
        for (; i < length; i++) rest += KernelArrays.Widen(x[i]) * KernelArrays.Widen(y[i]);
        return Sum(s0 + s2, s1 + s3) + rest;
    }

    /// <summary><c>Σ (xᵢ − yᵢ)²</c>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static double SquaredDistance<T>(T* x, T* y, int length) where T : unmanaged
    {
        Vector256<double> s0 = default, s1 = default, s2 = default, s3 = default;
        var i = 0;
        for (; i <= length - 16; i += 16)
        {
            s0 += Square(Load(x + i) - Load(y + i));
            s1 += Square(Load(x + i + 4) - Load(y + i + 4));
            s2 += Square(Load(x + i + 8) - Load(y + i + 8));
            s3 += Square(Load(x + i + 12) - Load(y + i + 12));
        }
        var rest = 0.0;
        for (; i < length; i++)
        {
            var difference = KernelArrays.Widen(x[i]) - KernelArrays.Widen(y[i]);
            rest += difference * difference;
        }
        return Sum(s0 + s2, s1 + s3) + rest;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<double> Square(Vector256<double> v) => v * v;

    /// <summary>Four numbers in float64.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<double> Load<T>(T* p) where T : unmanaged
    {
        if (typeof(T) == typeof(double)) return Vector256.Load((double*)p);
        var narrow = Vector128.Load((float*)p);
        return Avx.IsSupported ? Avx.ConvertToVector256Double(narrow)
            : Vector256.Create(Vector128.WidenLower(narrow), Vector128.WidenUpper(narrow));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]

    private static double Sum(Vector256<double> low, Vector256<double> high) =>
        ((low[0] + low[1]) + (low[2] + low[3])) + ((high[0] + high[1]) + (high[2] + high[3]));
}
