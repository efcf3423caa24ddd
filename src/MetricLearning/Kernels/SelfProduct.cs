using System.Buffers;
using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>x·xᵀ of a float32 batch on the CPU: the half on and above the diagonal is multiplied, and the other half is its mirror
/// image.</summary>
/// <remarks>
/// It replaces libtorch's <c>mm</c> if <see cref="TileProduct.IsFast"/> is true and the batch has enough numbers. Few long rows are
/// multiplied as they lie in memory (<see cref="RowProducts"/>), and many rows by <see cref="TileProduct"/>. This rule of processor and
/// shape is fixed in code and not measured as the program runs, so that a second run gives the same bits. The result is symmetric to the
/// bit. An entry depends on its two rows alone, neither on the threads nor on the rest of the batch. Memory: two copies of many rows, none
/// of few.
/// </remarks>
internal static unsafe class SelfProduct
{
    private const int TileRows = 16 * TileProduct.Left, TileColumns = 16 * TileProduct.Right;
    private const double LeastWork = 1L << 37;     // N³·D
    private const long MostNumbers = 1 << 27;      // of the packed rows

    /// <summary>How many times as long as their number few rows must be. Adding up and writing the entries of shorter rows takes longer
    /// than half a product saves.</summary>
    private const int LengthOfFew = 8;

    private const int MostOfFew = 256;

    /// <summary>The least number of coordinates. If mm is fast, writing the mirror image of shorter rows takes longer than half a product
    /// saves.</summary>
    private static readonly int leastWidth = TileProduct.MmIsFast ? 256 : 1;

    /// <summary>Whether this class should multiply the batch with itself.</summary>
    /// <param name="x">[N, D].</param>
    public static bool Supports(Tensor x) =>
        TileProduct.IsFast && x.device_type == TorchSharp.DeviceType.CPU && x.dtype == ScalarType.Float32
        && (HasFewRows(x) || (x.size(1) >= leastWidth && Math.Pow(x.size(0), 3) * x.size(1) >= LeastWork
            && (x.size(0) + TileProduct.Right) * x.size(1) <= MostNumbers));

    /// <summary>[N, N], without gradient. The caller disposes it.</summary>
    /// <param name="x">[N, D].</param>
    /// <param name="finish">Changes the entries of a part while it is in cache. It must give an entry and its mirror image the same value.
    /// It is called on several threads.</param>
    public static Tensor Of(Tensor x, Action<ProductPart>? finish = null)
    {
        using var contiguous = x.contiguous();
        var product = empty(x.size(0), x.size(0));
        if (HasFewRows(x)) MultiplyRows(contiguous, product, finish);
        else MultiplyTiles(contiguous, product, finish);
        return product;
    }

    private static bool HasFewRows(Tensor x) =>
        x.size(0) is >= RowProducts.LeastRows and <= MostOfFew && x.size(1) >= LengthOfFew * x.size(0)
        && x.size(1) % RowProducts.Lanes == 0;

    private static void MultiplyRows(Tensor x, Tensor product, Action<ProductPart>? finish)
    {
        var (count, to) = ((int)x.size(0), (nint)TensorMemory.Of(product));
        RowProducts.Multiply((float*)TensorMemory.Of(x), count, (int)x.size(1), (float*)to, TileProduct.IsWide);
        finish?.Invoke(new(to, count, 0, 0, count, count));
    }

    private static void MultiplyTiles(Tensor x, Tensor product, Action<ProductPart>? finish)
    {
        var (count, width) = ((int)x.size(0), (int)x.size(1));
        var left = ArrayPool<float>.Shared.Rent(Padded(count, TileProduct.Left) * width);
        var right = ArrayPool<float>.Shared.Rent(Padded(count, TileProduct.Right) * width);
        fixed (float* l = left, r = right, zeros = new float[width])
        {
            var (rows, none) = ((nint)TensorMemory.Of(x), (nint)zeros);
            var (from, with, to) = ((nint)l, (nint)r, (nint)TensorMemory.Of(product));
            Threads.For((count + TileRows - 1) / TileRows, block =>
            {
                var start = block * TileRows;
                var (present, offset) = (Math.Min(TileRows, count - start), (long)start * width);
                TileProduct.Pack((float*)rows + offset, present, width, (float*)none, TileProduct.Left, (float*)from + offset);
                TileProduct.Pack((float*)rows + offset, present, width, (float*)none, TileProduct.Right, (float*)with + offset);
            });
            var tiles = Tiles(count);
            Threads.For(tiles.Count, i => MultiplyTile(tiles[i], (float*)from, (float*)with, count, width, (float*)to, finish));
        }
        ArrayPool<float>.Shared.Return(left);
        ArrayPool<float>.Shared.Return(right);
    }

    private static int Padded(int count, int panel) => (count + panel - 1) / panel * panel;

    /// <summary>The tiles on and to the right of the diagonal; the first tile of each row of tiles is a square on the diagonal.</summary>
    private static List<(int Row, int Column, int Width)> Tiles(int count)
    {
        var tiles = new List<(int, int, int)>();
        for (var row = 0; row < count; row += TileRows)
            for (int column = row, width; column < count; column += width)
                tiles.Add((row, column, width = Math.Min(column == row ? TileRows : TileColumns, count - column)));
        return tiles;
    }

    /// <summary>Multiplies a tile in the thread's own buffer, finishes it, then writes it and its mirror image.</summary>
    private static void MultiplyTile((int Row, int Column, int Width) at, float* left, float* right, int count, int width, float* product,
        Action<ProductPart>? finish)
    {
        var height = Math.Min(TileRows, count - at.Row);
        fixed (float* tile = Scratch.Floats(TileRows * TileColumns))
        {
            TileProduct.Multiply(left + (long)at.Row * width, right + (long)at.Column * width, height, at.Width, width, tile, TileColumns);
            finish?.Invoke(new((nint)tile, TileColumns, at.Row, at.Column, height, at.Width));
            for (var i = 0; i < height; i++)
                new ReadOnlySpan<float>(tile + i * TileColumns, at.Width)
                    .CopyTo(new(product + (at.Row + i) * (long)count + at.Column, at.Width));
            if (at.Column == at.Row) return;
            Transpose.Write(tile, TileColumns, height, at.Width, product + at.Column * (long)count + at.Row, count);
        }
    }
}
