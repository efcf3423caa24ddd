using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace MetricLearning;

/// <summary>Turns tiles of a matrix: what stood by rows stands by columns.</summary>
internal static unsafe class Transpose
{
    /// <summary>Writes the columns of a matrix as rows.</summary>
    /// <param name="from">[height, width], rows so far apart.</param>
    /// <param name="stride">From one of its rows to the next.</param>
    /// <param name="height">Its rows.</param>
    /// <param name="width">Its columns.</param>
    /// <param name="to">[width, height].</param>
    /// <param name="strideOfTo">From one of its rows to the next.</param>
    public static void Write<T>(T* from, long stride, int height, int width, T* to, long strideOfTo) where T : unmanaged
    {
        if (typeof(T) == typeof(float) && Avx.IsSupported && height % 8 == 0 && width % 8 == 0)
        {
            for (var r = 0; r < height; r += 8)
                for (var c = 0; c < width; c += 8)
                    TurnBlock((float*)from + r * stride + c, stride, (float*)to + c * strideOfTo + r, strideOfTo);
            return;
        }
        for (var r = 0; r < height; r++)
            for (var c = 0; c < width; c++) to[c * strideOfTo + r] = from[r * stride + c];
    }

    /// <summary>8 by 8: rows 4 apart share a vector; vectors are interleaved until columns stand in a row.</summary>
    private static void TurnBlock(float* from, long stride, float* to, long strideOfTo)
    {
        for (var c = 0; c < 8; c += 4)
        {
            var (a, b) = (Halves(from + c, from + 4 * stride + c), Halves(from + stride + c, from + 5 * stride + c));
            var (d, e) = (Halves(from + 2 * stride + c, from + 6 * stride + c), Halves(from + 3 * stride + c, from + 7 * stride + c));
            var (first, second) = (Avx.UnpackLow(a, b).AsDouble(), Avx.UnpackLow(d, e).AsDouble());
            Avx.UnpackLow(first, second).AsSingle().Store(to + c * strideOfTo);
            Avx.UnpackHigh(first, second).AsSingle().Store(to + (c + 1) * strideOfTo);
            (first, second) = (Avx.UnpackHigh(a, b).AsDouble(), Avx.UnpackHigh(d, e).AsDouble());
            Avx.UnpackLow(first, second).AsSingle().Store(to + (c + 2) * strideOfTo);
            Avx.UnpackHigh(first, second).AsSingle().Store(to + (c + 3) * strideOfTo);
        }

        static Vector256<float> Halves(float* low, float* high) => Vector256.Create(Vector128.Load(low), Vector128.Load(high));
    }
}
