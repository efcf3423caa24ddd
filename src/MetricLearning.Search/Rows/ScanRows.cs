namespace MetricLearning.Search;

/// <summary>The rows that a search reads: their integers, which of them are removed, and their exact scores.</summary>
/// <remarks>Thread safety: called from several threads at once. A search sees the same rows from start to end.</remarks>
internal abstract unsafe class ScanRows(RowShape shape, Center center)
{
    public RowShape Shape => shape;

    /// <summary>The point that is subtracted from rows before they become integers.</summary>
    public Center Center => center;

    /// <summary>The number of rows, including those that were removed.</summary>
    public abstract int Count { get; }

    /// <summary>The integers of the chunk that contains a row.</summary>
    public abstract SieveChunk Sieve(int row);

    /// <summary>Whether all rows of the chunk that contains a row are still there, so that <see cref="IsAlive"/> need not be
    /// called.</summary>
    public abstract bool IsWhole(int row);

    /// <summary>Whether a row is still there.</summary>
    public abstract bool IsAlive(int row);

    /// <summary>The exact score of a query and a row, as <see cref="RowShape.Score"/> gives it.</summary>
    public abstract double Score(float* query, double querySquare, int row);

    /// <summary>Begins to fetch the vector of a row from memory, if it lies there.</summary>
    public virtual void Fetch(int row)
    {
    }

    /// <summary>The position of a row in its chunk.</summary>
    public int Place(int row) => row & (shape.ChunkRows - 1);
}
