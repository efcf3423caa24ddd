using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace MetricLearning;

/// <summary>Transposes tiles of a matrix.</summary>
internal static unsafe class Transpose
{
    /// <summary>The number of rows and columns of a <see cref="Block"/>.</summary>
    public const int Side = 8;

    /// <summary>Writes the columns of a tile as rows of another.</summary>
    /// <param name="from">[height, width].</param>
    /// <param name="stride">Entries from one row of <paramref name="from"/> to the next.</param>
    /// <param name="height">Rows of <paramref name="from"/>.</param>
    /// <param name="width">Columns of <paramref name="from"/>.</param>
    /// <param name="to">[width, height].</param>
    /// <param name="toStride">Entries from one row of <paramref name="to"/> to the next.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Write<T>(T* from, long stride, int height, int width, T* to, long toStride) where T : unmanaged
    {
        if (typeof(T) == typeof(float) && Avx.IsSupported && height % Side == 0 && width % Side == 0)
        {
            for (var r = 0; r < height; r += Side)
                for (var c = 0; c < width; c += Side)
                    Block((float*)from + r * stride + c, stride, (float*)to + c * toStride + r, toStride);
            return;
        }
        for (var r = 0; r < height; r++)
            for (var c = 0; c < width; c++) to[c * toStride + r] = from[r * stride + c];
    }

    /// <summary>Transposes 8 by 8 entries, if the processor has AVX. Two rows that are 4 apart share a vector, and vectors are interleaved
    /// until each holds a column. The columns are written one after the other.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Block(float* from, long stride, float* to, long toStride)
    {
        for (var c = 0; c < Side; c += 4)
        {
            var (a, b) = (Halves(from + c, from + 4 * stride + c), Halves(from + stride + c, from + 5 * stride + c));
            var (d, e) = (Halves(from + 2 * stride + c, from + 6 * stride + c), Halves(from + 3 * stride + c, from + 7 * stride + c));
            var (first, second) = (Avx.UnpackLow(a, b).AsDouble(), Avx.UnpackLow(d, e).AsDouble());
            Avx.UnpackLow(first, second).AsSingle().Store(to + c * toStride);
            Avx.UnpackHigh(first, second).AsSingle().Store(to + (c + 1) * toStride);
            (first, second) = (Avx.UnpackHigh(a, b).AsDouble(), Avx.UnpackHigh(d, e).AsDouble());
            Avx.UnpackLow(first, second).AsSingle().Store(to + (c + 2) * toStride);
            Avx.UnpackHigh(first, second).AsSingle().Store(to + (c + 3) * toStride);
        }

        static Vector256<float> Halves(float* low, float* high) => Vector256.Create(Vector128.Load(low), Vector128.Load(high));
    }
}
