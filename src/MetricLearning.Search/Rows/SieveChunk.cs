namespace MetricLearning.Search;

/// <summary>The rows of one chunk as 8-bit integers about a center, with the numbers of each row that the error bound of
/// <see cref="Sieve"/> needs. All are in one block of memory.</summary>
/// <remarks>A writer writes only rows that no reader's snapshot counts yet. Rows that a snapshot counts never change.</remarks>
internal sealed unsafe class SieveChunk
{
    private readonly RowShape shape;
    private readonly object memory;
    private readonly sbyte* codes;
    private readonly double* offsets, largest;
    private readonly float* scales, residuals;

    /// <summary>Makes a chunk without rows, with its own memory.</summary>
    /// <param name="shape">The layout of rows in memory.</param>
    public SieveChunk(RowShape shape) : this(shape, PinnedMemory.Of<byte>(Bytes(shape))) => largest[0] = largest[1] = 0;

    /// <summary>Makes a chunk over existing memory.</summary>
    /// <param name="shape">The layout of rows in memory.</param>
    /// <param name="address">The address of <see cref="Bytes"/> bytes, a multiple of 8.</param>
    /// <param name="owner">The object that keeps the memory alive.</param>
    public SieveChunk(RowShape shape, byte* address, object owner)
    {
        (this.shape, memory) = (shape, owner);
        codes = (sbyte*)address;
        offsets = (double*)(address + (long)shape.ChunkRows * shape.Padded);
        scales = (float*)(offsets + shape.ChunkRows);
        residuals = scales + shape.ChunkRows;
        largest = (double*)(residuals + shape.ChunkRows);
    }

    private SieveChunk(RowShape shape, byte[] pinned) : this(shape, PinnedMemory.Address(pinned), pinned)
    {
    }

    /// <summary>The bytes of a chunk, a multiple of 8.</summary>
    public static int Bytes(RowShape shape) =>
        checked(shape.ChunkRows * (shape.Padded + sizeof(double) + 2 * sizeof(float)) + 2 * sizeof(double));

    /// <summary>The memory of the chunk, valid while the chunk is referred to.</summary>
    public ReadOnlySpan<byte> Memory => new(codes, Bytes(shape));

    /// <summary>An upper bound of <c>‖s i‖</c> over all rows.</summary>
    public double LargestNorm => Volatile.Read(ref largest[0]);

    /// <summary>An upper bound of the length ℓ over all rows.</summary>
    public double LargestLength => Volatile.Read(ref largest[1]);

    /// <summary>The address of the integers of a row, valid while the chunk is referred to.</summary>
    public sbyte* Row(int row) => codes + (long)row * shape.Padded;

    /// <summary>The scale s of a row.</summary>
    public float Scale(int row) => scales[row];

    /// <summary>An upper bound of <c>‖e‖</c> of a row.</summary>
    public float Residual(int row) => residuals[row];

    /// <summary>The offset A of a row.</summary>
    public double Offset(int row) => offsets[row];

    /// <summary>Writes rows that no snapshot counts yet.</summary>
    /// <param name="vectors">The same chunk's float32 rows.</param>
    /// <param name="center">c.</param>
    /// <param name="first">The first row.</param>
    /// <param name="end">The row after the last.</param>
    public void Write(VectorChunk vectors, Center center, int first, int end)
    {
        var (norm, length) = (LargestNorm, LargestLength);
        fixed (double* z = Scratch.Doubles(shape.Padded), c = center.Values)
            for (var row = first; row < end; row++)
            {
                var own = Math.Sqrt(vectors.Squares[row]);
                var factor = shape.Factor(own);
                CenteredRow.Read(vectors.Row(row), shape.Width, shape.Padded, factor, c, z);
                var integers = ByteRow.Write(z, shape.Padded, Row(row));
                (scales[row], residuals[row]) = (integers.Scale, integers.Residual);
                var euclidean = shape.Metric == SearchMetric.Euclidean;
                offsets[row] = euclidean ? -ExactScores.Dot(z, z, shape.Padded) : ExactScores.Dot(c, z, shape.Padded);
                norm = Math.Max(norm, integers.Norm + integers.Residual);
                length = Math.Max(length, euclidean ? integers.Norm : own * factor + center.Norm);
            }
        Volatile.Write(ref largest[0], norm);
        Volatile.Write(ref largest[1], length);
        GC.KeepAlive(memory);
    }
}
