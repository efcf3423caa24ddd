using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace MetricLearning.Search;

/// <summary>The numbers that belong to a row z that is stored as 8-bit integers i: <c>z = scale · i + e</c>.</summary>
/// <param name="Scale">The factor of the integers; 0 for a row of zeros.</param>
/// <param name="Residual">At least <c>‖e‖</c>.</param>
/// <param name="Norm">About <c>‖z‖</c>.</param>
internal readonly unsafe record struct ByteRow(float Scale, float Residual, double Norm)
{
    private const double LargestInteger = 127;

    /// <summary>Adding and then subtracting this number rounds a float64 number below 2⁵¹ to the nearest integer.</summary>
    private const double Rounds = 1.5 * (1L << 52);

    /// <summary>A factor that covers the rounding errors of a norm of <see cref="RowShape.LargestWidth"/> numbers.</summary>
    private const double Slack = 1 + 1e-9;

    /// <summary>Writes the integers of a row.</summary>
    /// <param name="z">The row, <paramref name="padded"/> numbers.</param>
    /// <param name="padded">A multiple of 16.</param>
    /// <param name="codes">Memory for as many integers.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static ByteRow Write(double* z, int padded, sbyte* codes)
    {
        var (top, square) = (Vector256<double>.Zero, Vector256<double>.Zero);
        for (var i = 0; i < padded; i += 4)
        {
            var v = Vector256.Load(z + i);
            top = Vector256.Max(top, Vector256.Abs(v));
            square += v * v;
        }
        var largest = Math.Max(Math.Max(top[0], top[1]), Math.Max(top[2], top[3]));
        var scale = RoundedUp(largest / LargestInteger);
        var inverse = scale == 0 ? 0 : 1.0 / scale;
        var residual = Vector256<double>.Zero;
        for (var i = 0; i < padded; i += 16)
        {
            var low = Vector256.Narrow(Integers(z + i, scale, inverse, ref residual), Integers(z + i + 4, scale, inverse, ref residual));
            var high = Vector256.Narrow(Integers(z + i + 8, scale, inverse, ref residual),
                Integers(z + i + 12, scale, inverse, ref residual));
            var shorts = Vector256.Narrow(Vector256.ConvertToInt32(low), Vector256.ConvertToInt32(high));
            Vector128.Narrow(shorts.GetLower(), shorts.GetUpper()).Store(codes + i);
        }
        return new ByteRow(scale, RoundedUp(Math.Sqrt(Vector256.Sum(residual)) * Slack), Math.Sqrt(Vector256.Sum(square)));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<double> Integers(double* z, double scale, double inverse, ref Vector256<double> residual)
    {
        var v = Vector256.Load(z);
        var integers = v * inverse + Vector256.Create(Rounds) - Vector256.Create(Rounds);
        var rest = v - integers * scale;
        residual += rest * rest;
        return integers;
    }

    /// <summary>The smallest float32 that is not below a number.</summary>
    private static float RoundedUp(double value)
    {
        var near = (float)value;
        return near < value ? MathF.BitIncrement(near) : near;
    }
}
