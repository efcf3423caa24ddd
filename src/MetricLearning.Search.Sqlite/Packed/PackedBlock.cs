namespace MetricLearning.Search;

/// <summary>A block of a packed file: a whole chunk of integers in the layout of <see cref="SieveChunk"/>, and the ids of its
/// rows.</summary>
internal static unsafe class PackedBlock
{
    /// <summary>The bytes of a block, a multiple of 8.</summary>
    public static int Bytes(RowShape shape) => checked(SieveChunk.Bytes(shape) + shape.ChunkRows * sizeof(long));

    /// <summary>Writes a block of as many rows as a chunk has.</summary>
    /// <param name="shape">The layout of rows in memory.</param>
    /// <param name="center">The center of the file.</param>
    /// <param name="rows">The rows.</param>
    /// <param name="bytes">Memory for the block.</param>
    /// <returns>The entry of the block in the database.</returns>
    public static BlockEntry Write(RowShape shape, Center center, IReadOnlyList<VectorRow> rows, byte[] bytes)
    {
        var (vectors, sieve) = (new VectorChunk(shape), new SieveChunk(shape));
        for (var row = 0; row < rows.Count; row++) vectors.Write(row, rows[row].Vector.Span);
        sieve.Write(vectors, center, 0, rows.Count);
        sieve.Memory.CopyTo(bytes);
        GC.KeepAlive(sieve);
        fixed (byte* start = bytes)
        {
            var ids = (long*)(start + SieveChunk.Bytes(shape));
            for (var row = 0; row < rows.Count; row++) ids[row] = rows[row].Id;
        }
        return new BlockEntry(rows[^1].Id, Crc32.Of(bytes.AsSpan(0, Bytes(shape))));
    }
}
