using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Computes x + xᵀ tile by tile, so that memory is read and written only along rows.</summary>
internal static unsafe class SymmetricSum
{
    private const int Tile = 64;

    /// <summary>[N, N] → [N, N]. Tensor operations compute it if a gradient is needed, and on other devices than the CPU. The caller
    /// disposes it.</summary>
    public static Tensor Of(Tensor x)
    {
        if (is_grad_enabled() || !SimdRows.Supports(x)) return x.Plus(x.t());
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
            var transposed = stackalloc T[Tile * Tile];
            for (var j = tile * Tile; j < count; j += Tile) AddTiles((T*)from, (T*)to, count, tile * Tile, j, transposed);
        });
    }

    /// <summary>Computes the tile at (i, j) and its mirror image at (j, i).</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void AddTiles<T>(T* x, T* sum, long count, int i, int j, T* transposed) where T : unmanaged
    {
        var (height, width) = ((int)Math.Min(Tile, count - i), (int)Math.Min(Tile, count - j));
        Transpose.Write(x + i * count + j, count, height, width, transposed, Tile);
        for (var c = 0; c < width; c++)
        {
            T* row = x + (j + c) * count + i, to = sum + (j + c) * count + i, column = transposed + c * Tile;
            for (var r = 0; r < height; r += Vector256<T>.Count)
            {
                var both = SimdRows.Load(column, r, height) + SimdRows.Load(row, r, height);
                SimdRows.Store(to, r, height, both);
                SimdRows.Store(column, r, height, both);
            }
        }
        Transpose.Write(transposed, Tile, width, height, sum + i * count + j, count);
    }
}
