using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Tiles of <c>offset − weight · s s' Σ i i'</c> for rows of integers i with scales s, in float32. The ways to make them differ in
/// the order of the integers in memory and in the instruction that multiplies them.</summary>
/// <param name="queries">The rows on the left.</param>
/// <param name="gallery">The rows on the right.</param>
/// <param name="squared">Whether scores are squared Euclidean distances: <c>weight</c> is then 2 and the offset <c>‖z'‖²</c>, else 1 and
/// <c>−c·z'</c>.</param>
internal abstract unsafe class FixedPointTiles(FixedPointRows queries, FixedPointRows gallery, bool squared)
{
    private Tensor scores = null!;
    private nint left, right, offset;

    protected FixedPointRows Queries => queries;
    protected FixedPointRows Gallery => gallery;

    /// <summary>The number of queries of the block.</summary>
    protected int Count { get; private set; }

    /// <summary>The factors of the block's queries.</summary>
    protected float* Left => (float*)left;

    /// <summary>The factors of the tile's rows. The memory is large enough for whole panels (<see cref="FixedPoint.Panel"/>).</summary>
    protected float* Right => (float*)right;

    /// <summary>The offsets of the tile's rows, in memory of the same size.</summary>
    protected float* Offset => (float*)offset;

    /// <summary>Prepares tiles with at most a given number of rows for a block of queries. The memory belongs to the current dispose
    /// scope.</summary>
    public void Begin(int query, int count, int rows)
    {
        Count = count;
        scores = empty(count * (long)rows, ScalarType.Float32);
        left = Memory(count, ScalarType.Float32);
        (right, offset) = (Memory(rows + FixedPoint.Panel, ScalarType.Float32), Memory(rows + FixedPoint.Panel, ScalarType.Float32));
        for (var i = 0; i < count; i++) Left[i] = (float)((squared ? 2 : 1) * queries[query + i].Scale);
        Prepare(query, rows);
    }

    /// <summary>Scores of the block of queries that was begun; the previous tile is overwritten.</summary>
    public Tensor Tile(int row, int rows)
    {
        for (var j = 0; j < rows; j++)
        {
            Right[j] = (float)gallery[row + j].Scale;
            Offset[j] = (float)(squared ? gallery.Numbers[row + j] : -gallery.Numbers[row + j]);
        }
        var tile = scores.narrow(0, 0, Count * (long)rows).view(Count, rows);
        Multiply(row, rows, (float*)TensorMemory.Of(tile));
        return tile;
    }

    /// <summary>Allocates memory for the current dispose scope.</summary>
    protected static nint Memory(long numbers, ScalarType type) => (nint)TensorMemory.Of(empty(numbers, type));

    /// <summary>Writes the integers of a block of queries, and allocates memory for the rows of a tile.</summary>
    protected abstract void Prepare(int query, int rows);

    /// <summary>Writes the integers of the rows, and the scores.</summary>
    protected abstract void Multiply(int row, int rows, float* scores);
}
