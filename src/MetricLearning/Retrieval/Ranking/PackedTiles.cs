using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Products of one block of float32 rows on the CPU with many tiles of other rows, by <see cref="TileProduct"/>. The block is
/// packed once.</summary>
internal sealed unsafe class PackedTiles
{
    private const int PieceRows = 32 * TileProduct.Left, PieceColumns = 8 * TileProduct.Right, PackedAtOnce = 4 * TileProduct.Right;

    private readonly Tensor left, right, tile, zeros;
    private readonly int count, width;

    /// <param name="block">[Q, D]. The memory of the tiles belongs to the current dispose scope.</param>
    /// <param name="rows">The largest number of rows of a tile.</param>
    public PackedTiles(Tensor block, int rows)
    {
        using var contiguous = block.contiguous();
        (count, width) = ((int)block.size(0), (int)block.size(1));
        left = empty(Whole(count, TileProduct.Left) * (long)width);
        right = empty(Whole(rows, TileProduct.Right) * (long)width);
        tile = empty(Whole(count, TileProduct.Left) * (long)rows);
        zeros = TorchSharp.torch.zeros(width);
        Pack(contiguous, TileProduct.Left, PieceRows, left);
    }

    /// <summary>Bytes of the packed rows.</summary>
    public static long Bytes(int queries, int rows, int width) => (queries + TileProduct.Left + rows + TileProduct.Right) * 4L * width;

    /// <summary>The products [Q, R]; the previous tile is overwritten.</summary>
    /// <param name="rows">[R, D], contiguous.</param>
    public Tensor Of(Tensor rows)
    {
        var columns = (int)rows.size(0);
        Pack(rows, TileProduct.Right, PackedAtOnce, right);
        var (from, with, to) = ((nint)TensorMemory.Of(left), (nint)TensorMemory.Of(right), (nint)TensorMemory.Of(tile));
        var across = (columns + PieceColumns - 1) / PieceColumns;
        Threads.For((count + PieceRows - 1) / PieceRows * across, piece =>
        {
            var (row, column) = (piece / across * PieceRows, piece % across * PieceColumns);
            Multiply((float*)from + (long)row * width, (float*)with + (long)column * width, Math.Min(PieceRows, count - row),
                Math.Min(PieceColumns, columns - column), (float*)to + (long)row * columns + column, columns);
        });
        return tile.narrow(0, 0, count * (long)columns).view(count, columns);
    }

    private static int Whole(int rows, int panel) => (rows + panel - 1) / panel * panel;

    /// <summary>Computes one piece of the product. If its last panel reaches past the columns, the piece is first computed in the thread's
    /// own memory. Past the rows the tile has room.</summary>
    private void Multiply(float* a, float* b, int rows, int columns, float* target, int stride)
    {
        if (columns % TileProduct.Right == 0)
        {
            TileProduct.Multiply(a, b, rows, columns, width, target, stride);
            return;
        }
        fixed (float* piece = Scratch.Floats(PieceRows * PieceColumns))
        {
            TileProduct.Multiply(a, b, rows, columns, width, piece, PieceColumns);
            for (var i = 0; i < rows; i++)
                new ReadOnlySpan<float>(piece + i * PieceColumns, columns).CopyTo(new(target + (long)i * stride, columns));
        }
    }

    private void Pack(Tensor rows, int panel, int together, Tensor packed)
    {
        var (total, from, to) = ((int)rows.size(0), (nint)TensorMemory.Of(rows), (nint)TensorMemory.Of(packed));
        var mean = (nint)TensorMemory.Of(zeros);
        Threads.For((total + together - 1) / together, part =>
        {
            var offset = (long)part * together * width;
            TileProduct.Pack((float*)from + offset, Math.Min(together, total - part * together), width, (float*)mean, panel,
                (float*)to + offset);
        });
    }
}
