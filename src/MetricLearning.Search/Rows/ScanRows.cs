namespace MetricLearning.Search;

/// <summary>Rows that a search reads: their integers, which of them are there, and their exact scores.</summary>
/// <remarks>Thread safety: called from several threads at once. A search sees the same rows from its start to its end.</remarks>
internal abstract unsafe class ScanRows(RowShape shape, Center center)
{
    public RowShape Shape => shape;

    /// <summary>The point that is subtracted from rows before they become integers.</summary>
    public Center Center => center;

    /// <summary>The number of rows, those that were removed too.</summary>
    public abstract int Count { get; }

    /// <summary>The integers of the chunk that a row is in.</summary>
    public abstract SieveChunk Sieve(int row);

    /// <summary>Whether no row of the chunk that a row is in was removed, so that none needs to be asked for.</summary>
    public abstract bool IsWhole(int row);

    /// <summary>Whether a row was not removed.</summary>
    public abstract bool IsAlive(int row);

    /// <summary>The exact score of a query and a row, as <see cref="RowShape.Score"/> gives it.</summary>
    public abstract double Score(float* query, double queryNorm, int row);

    /// <summary>The place of a row in its chunk.</summary>
    public int Place(int row) => row & (shape.ChunkRows - 1);
}
