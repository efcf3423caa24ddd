using System.Runtime.Intrinsics;
using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>x + xᵀ, tile by tile: each row of the memory is walked along, never across.</summary>
internal static unsafe class SymmetricSum
{
    private const int Tile = 64;

    /// <summary>[N, N] → [N, N]; by tensor operations where a gradient is wanted, or off the CPU. The caller disposes it.</summary>
    public static Tensor Of(Tensor x)
    {
        if (is_grad_enabled() || !SimdRows.Suit(x)) return x.Plus(x.t());
        using var contiguous = x.contiguous();
        var sum = empty_like(contiguous);
        if (x.dtype == ScalarType.Float32) Add<float>(contiguous, sum);
        else Add<double>(contiguous, sum);
        return sum;
    }

    private static void Add<T>(Tensor x, Tensor sum) where T : unmanaged
    {
        var (from, to, count) = ((nint)TensorMemory.Of(x), (nint)TensorMemory.Of(sum), (int)x.size(0));
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
        Transpose.Write(x + i * count + j, count, height, width, turned, Tile);
        for (var c = 0; c < width; c++)
        {
            T* row = x + (j + c) * count + i, to = sum + (j + c) * count + i, column = turned + c * Tile;
            for (var r = 0; r < height; r += Vector256<T>.Count)
            {
                var both = SimdRows.Load(column, r, height) + SimdRows.Load(row, r, height);
                SimdRows.Store(to, r, height, both);
                SimdRows.Store(column, r, height, both);
            }
        }
        Transpose.Write(turned, Tile, width, height, sum + i * count + j, count);
    }
}
