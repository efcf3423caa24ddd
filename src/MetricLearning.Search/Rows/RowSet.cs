namespace MetricLearning.Search;

/// <summary>The rows of an index at one moment. A search reads one set from start to end, so it sees exactly the rows of that
/// moment.</summary>
/// <remarks>Sets share their chunks. A new set has its new rows after those of the old one, and marks rows as removed since its own
/// version.</remarks>
internal sealed unsafe class RowSet : ScanRows
{
    /// <summary>A new center is chosen when the number of rows has grown by this factor.</summary>
    private const int Growth = 16;

    private readonly VectorChunk[] vectors;
    private readonly SieveChunk[] sieves;

    private RowSet(RowShape shape, VectorChunk[] vectors, SieveChunk[] sieves, Center center, int count, int dead, long version)
        : base(shape, center)
    {
        (this.vectors, this.sieves) = (vectors, sieves);
        (Count, Dead, Version) = (count, dead, version);
    }

    /// <summary>A set without rows.</summary>
    public RowSet(RowShape shape) : this(shape, [], [], Center.Zero(shape), 0, 0, 0) { }

    public override int Count { get; }

    /// <summary>The number of removed rows.</summary>
    public int Dead { get; }

    /// <summary>The version of the set. A row belongs to the set if it was never removed or was removed by a later version.</summary>
    public long Version { get; }

    /// <summary>Whether more than half of the rows are removed, so that it is worth copying the others.</summary>
    public bool ShouldBeCompacted => Dead > Count - Dead && Dead >= Shape.ChunkRows;

    public override SieveChunk Sieve(int row) => sieves[row >> Shape.ChunkShift];

    public override bool IsWhole(int row) => Vectors(row).IsWhole;

    public override bool IsAlive(int row) => Vectors(row).IsAlive(Place(row), Version);

    /// <summary>Copies a row.</summary>
    public float[] Copy(int row) => new ReadOnlySpan<float>(Vectors(row).Row(Place(row)), Shape.Width).ToArray();

    public override double Score(float* query, double querySquare, int row)
    {
        var (chunk, place) = (Vectors(row), Place(row));
        return Shape.Score(query, querySquare, chunk.Row(place), chunk.Squares[place]);
    }

    public override void Fetch(int row) => Prefetch.Bytes(Vectors(row).Row(Place(row)), Shape.Width * sizeof(float));

    /// <summary>Makes a set with some rows removed and new rows at its end. Only one thread at a time may call it, and only on the newest
    /// set.</summary>
    /// <param name="rows">The new rows. They have the right width, are finite, and are not all zeros for the cosine.</param>
    /// <param name="removed">Rows of this set.</param>
    /// <param name="threads">The largest number of threads.</param>
    public RowSet With(IReadOnlyList<ReadOnlyMemory<float>> rows, IReadOnlyCollection<int> removed, int threads)
    {
        var count = checked(Count + rows.Count);
        var (newVectors, newSieves) = (Grown(vectors, count, shape => new VectorChunk(shape)),
            Grown(sieves, count, shape => new SieveChunk(shape)));
        ForChunks(Count, count, threads, (chunk, first, end) =>
        {
            for (var row = first; row < end; row++)
                newVectors[chunk].Write(row, rows[(chunk << Shape.ChunkShift) + row - Count].Span);
        });
        var center = Center;
        var from = Count;
        if (count >= Growth * Math.Max(1, Center.Rows))
        {
            (center, from) = (Center.Of(Shape, newVectors, count), 0);
            newSieves = Grown([], count, shape => new SieveChunk(shape));
        }
        ForChunks(from, count, threads, (chunk, first, end) => newSieves[chunk].Write(newVectors[chunk], center, first, end));
        foreach (var row in removed) Vectors(row).Remove(Place(row), Version + 1);
        return new RowSet(Shape, newVectors, newSieves, center, count, Dead + removed.Count, Version + 1);
    }

    /// <summary>Makes a set of the rows that are not removed, in the same order, with its own memory.</summary>
    /// <param name="kept">Their numbers, ascending.</param>
    /// <param name="threads">The largest number of threads.</param>
    public RowSet Compacted(int[] kept, int threads)
    {
        var copied = Grown(Array.Empty<VectorChunk>(), kept.Length, shape => new VectorChunk(shape));
        ForChunks(0, kept.Length, threads, (chunk, first, end) =>
        {
            for (var row = first; row < end; row++)
            {
                var old = kept[(chunk << Shape.ChunkShift) + row];
                copied[chunk].Write(row, new ReadOnlySpan<float>(Vectors(old).Row(Place(old)), Shape.Width));
            }
        });
        var center = kept.Length == 0 ? Center.Zero(Shape) : Center.Of(Shape, copied, kept.Length);
        var packed = Grown(Array.Empty<SieveChunk>(), kept.Length, shape => new SieveChunk(shape));
        ForChunks(0, kept.Length, threads, (chunk, first, end) => packed[chunk].Write(copied[chunk], center, first, end));
        return new RowSet(Shape, copied, packed, center, kept.Length, 0, Version + 1);
    }

    private VectorChunk Vectors(int row) => vectors[row >> Shape.ChunkShift];

    private T[] Grown<T>(T[] chunks, int rows, Func<RowShape, T> create)
    {
        var needed = Shape.Chunks(rows);
        if (needed <= chunks.Length) return chunks;
        T[] grown = [.. chunks, .. new T[needed - chunks.Length]];
        for (var i = chunks.Length; i < needed; i++) grown[i] = create(Shape);
        return grown;
    }

    /// <summary>Calls an action for the rows of each chunk in a range of rows: the chunk, its first row, and the row after its
    /// last.</summary>
    private void ForChunks(int first, int end, int threads, Action<int, int, int> action)
    {
        if (first >= end) return;
        var start = first >> Shape.ChunkShift;
        Threads.For(((end - 1) >> Shape.ChunkShift) - start + 1, threads, i =>
        {
            var below = (start + i) << Shape.ChunkShift;
            action(start + i, Math.Max(0, first - below), Math.Min(Shape.ChunkRows, end - below));
        });
    }
}
