using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>x + xᵀ, tile by tile: each row of the memory is walked along, never across.</summary>
internal static unsafe class SymmetricSum
{
    private const int Tile = 64;

    /// <summary>[N, N] → [N, N]; by tensor operations where a gradient is wanted, or off the CPU. The caller disposes it.</summary>
    public static Tensor Of(Tensor x)
    {
        if (is_grad_enabled() || !Lanes.Suit(x)) return x.Plus(x.t());
        using var contiguous = x.contiguous();
        var sum = empty_like(contiguous);
        if (x.dtype == ScalarType.Float32) Add<float>(contiguous, sum);
        else Add<double>(contiguous, sum);
        return sum;
    }

    private static void Add<T>(Tensor x, Tensor sum) where T : unmanaged
    {
        var (from, to, count) = ((nint)NativeMemory.Of(x), (nint)NativeMemory.Of(sum), (int)x.size(0));
        Threads.For((count + Tile - 1) / Tile, tile =>
        {
            var turned = stackalloc T[Tile * Tile];
            for (var j = tile * Tile; j < count; j += Tile) AddTiles((T*)from, (T*)to, count, tile * Tile, j, turned);
        });
    }

    /// <summary>The tile at (i, j) and the one at (j, i).</summary>
    private static void AddTiles<T>(T* x, T* sum, long count, int i, int j, T* turned) where T : unmanaged
    {
        var (height, width) = ((int)Math.Min(Tile, count - i), (int)Math.Min(Tile, count - j));
        Turn(x + i * count + j, count, height, width, turned, Tile);
        for (var c = 0; c < width; c++)
        {
            T* row = x + (j + c) * count + i, to = sum + (j + c) * count + i, column = turned + c * Tile;
            for (var r = 0; r < height; r += Vector256<T>.Count)
            {
                var both = Lanes.Load(column, r, height) + Lanes.Load(row, r, height);
                Lanes.Store(to, r, height, both);
                Lanes.Store(column, r, height, both);
            }
        }
        Turn(turned, Tile, width, height, sum + i * count + j, count);
    }

    /// <summary>Writes the columns of a matrix as rows.</summary>
    private static void Turn<T>(T* from, long stride, int height, int width, T* to, long strideOfTo) where T : unmanaged
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
