using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace MetricLearning.Search;

/// <summary>Subtracts the center from rows.</summary>
internal static unsafe class CenteredRow
{
    /// <summary>Writes <c>z = factor · x − c</c> in float64, padded with zeros.</summary>
    /// <param name="x">The row.</param>
    /// <param name="width">The length of the row.</param>
    /// <param name="padded">The length of z and c.</param>
    /// <param name="factor">The factor.</param>
    /// <param name="c">The center.</param>
    /// <param name="z">Receives the result.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Read(float* x, int width, int padded, double factor, double* c, double* z)
    {
        var i = 0;
        for (; i <= width - 8; i += 8)
        {
            var (low, high) = Vector256.Widen(Vector256.Load(x + i));
            (low * factor - Vector256.Load(c + i)).Store(z + i);
            (high * factor - Vector256.Load(c + i + 4)).Store(z + i + 4);
        }
        for (; i < width; i++) z[i] = x[i] * factor - c[i];
        for (; i < padded; i++) z[i] = 0;
    }
}
