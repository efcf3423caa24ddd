namespace MetricLearning.Search;

/// <summary>The rows of a packed file as a search reads them: their integers from the file, and their vectors from the database.</summary>
internal sealed unsafe class FileRows<TKey, TRecord>(RowShape shape, PackedState state, RowReader<TKey, TRecord> reader)
    : ScanRows(shape, state.File!.Center) where TKey : notnull where TRecord : class
{
    private readonly PackedFile file = state.File!;

    public override int Count => file.Rows;

    public override SieveChunk Sieve(int row) => file.Chunk(row >> Shape.ChunkShift);

    public override bool IsWhole(int row) => state.IsWhole(row);

    public override bool IsAlive(int row) => state.IsAlive(row);

    public override double Score(float* query, double querySquare, int row) => reader.Score(query, querySquare, file.Id(row));

    /// <summary>The id of a row.</summary>
    public long Id(int row)
    {
        file.Chunk(row >> Shape.ChunkShift);
        return file.Id(row);
    }
}
