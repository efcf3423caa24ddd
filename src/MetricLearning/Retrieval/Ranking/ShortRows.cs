using System.Numerics;
using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Scales short rows up, for the cosine.</summary>
/// <remarks>The cosine does not depend on the lengths of rows, but the error bound of a tile does: a product of short rows may underflow. A
/// power of two changes only the exponents of numbers, so the cosine of a scaled row is exactly that of the row itself.</remarks>
internal static unsafe class ShortRows
{
    /// <summary>The length below which a row is short.</summary>
    public const double Least = 1e-12;

    /// <summary>Multiplies each short row by the power of two that brings its largest number into [1, 2). Zero rows stay zero. The results
    /// are new, or the given ones if no row changes.</summary>
    /// <param name="rows">[N, D], float32 or float64.</param>
    /// <param name="measured">The same rows on the CPU.</param>
    public static (Tensor Rows, FeatureRows Measured) Lifted(Tensor rows, FeatureRows measured)
    {
        int[] lifted = [.. Enumerable.Range(0, measured.Count).Where(row => measured.Norms[row] < Least && !measured.IsZero(row))];
        if (lifted.Length == 0) return (rows, measured);
        var copy = rows.to(CPU).clone();
        var (memory, width) = ((nint)TensorMemory.Of(copy), (int)rows.size(1));
        foreach (var row in lifted)
            if (rows.dtype == ScalarType.Float64) Lift(new Span<double>((double*)memory + (long)row * width, width));
            else Lift(new Span<float>((float*)memory + (long)row * width, width));
        return (copy.to(rows.device), new FeatureRows(copy, measured.Origin) { AreLifted = true });
    }

    private static void Lift<T>(Span<T> row) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var largest = T.Zero;
        foreach (var number in row) largest = T.Max(largest, T.Abs(number));
        var exponent = -T.ILogB(largest);
        foreach (ref var number in row) number = T.ScaleB(number, exponent);
    }
}
