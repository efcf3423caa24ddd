namespace MetricLearning.Search;

/// <summary>The float32 rows of one chunk, the squares of their lengths, and the versions that removed them.</summary>
/// <remarks>A writer writes only rows that no reader's snapshot counts yet. Rows that a snapshot counts never change.</remarks>
internal sealed unsafe class VectorChunk
{
    /// <summary>The version of a row that is not removed.</summary>
    public const long Never = long.MaxValue;

    private readonly RowShape shape;
    private readonly float[] vectors;
    private readonly long[] removed;
    private int dead;

    /// <param name="shape">The layout of rows in memory.</param>
    public VectorChunk(RowShape shape)
    {
        (this.shape, vectors) = (shape, PinnedMemory.Of<float>((long)shape.ChunkRows * shape.Width));
        (removed, Squares) = (new long[shape.ChunkRows], new double[shape.ChunkRows]);
    }

    /// <summary>The squares of the lengths of the rows.</summary>
    public double[] Squares { get; }

    /// <summary>The address of a row, valid while the chunk is referred to.</summary>
    public float* Row(int row) => PinnedMemory.Address(vectors) + (long)row * shape.Width;

    /// <summary>Whether no row of the chunk was removed, so that single rows need not be checked.</summary>
    public bool IsWhole => Volatile.Read(ref dead) == 0;

    /// <summary>Whether the snapshot of this version has the row.</summary>
    public bool IsAlive(int row, long version) => Volatile.Read(ref removed[row]) > version;

    /// <summary>Writes a row that no snapshot counts yet.</summary>
    public void Write(int row, ReadOnlySpan<float> vector)
    {
        vector.CopyTo(new Span<float>(Row(row), shape.Width));
        Squares[row] = shape.Square(Row(row));
        removed[row] = Never;
    }

    /// <summary>Removes a row from snapshots of this version and later ones.</summary>
    public void Remove(int row, long version)
    {
        Volatile.Write(ref removed[row], version);
        Volatile.Write(ref dead, dead + 1);
    }
}
