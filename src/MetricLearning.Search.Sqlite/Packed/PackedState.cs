namespace MetricLearning.Search;

/// <summary>The rows of a vector property at one moment: those of the packed file, and the later ones, which are in memory.</summary>
/// <remarks>Thread safety: immutable. A newer state shares the parts that have not changed.</remarks>
internal sealed class PackedState
{
    private readonly RowShape shape;
    private readonly ulong[]?[] dead;
    private readonly long[] tailIds;

    private PackedState(RowShape shape, PackedFile? file, ulong[]?[] dead, int deadRows, RowSet tail, long[] tailIds)
    {
        (this.shape, File, this.dead, DeadRows) = (shape, file, dead, deadRows);
        (Tail, this.tailIds) = (tail, tailIds);
    }

    /// <summary>Makes the state of a file without removed rows and without later rows.</summary>
    /// <param name="shape">The layout of rows in memory.</param>
    /// <param name="file">The file; null if there is none.</param>
    public PackedState(RowShape shape, PackedFile? file)
        : this(shape, file, new ulong[]?[file is null ? 0 : file.Rows >> shape.ChunkShift], 0, new RowSet(shape), [])
    {
    }

    /// <summary>The number of the collection.</summary>
    public required long Collection { get; init; }

    /// <summary>The number of the collection's last change.</summary>
    public required long Changes { get; init; }

    /// <summary>The number of the packed file that the database names.</summary>
    public required long FileNumber { get; init; }

    /// <summary>The number of the last removal.</summary>
    public required long Removal { get; init; }

    /// <summary>The largest id of all rows.</summary>
    public required long Last { get; init; }

    /// <summary>The packed file; null if there is none.</summary>
    public PackedFile? File { get; }

    /// <summary>The rows after those of the file.</summary>
    public RowSet Tail { get; }

    /// <summary>The number of removed rows of the file.</summary>
    public int DeadRows { get; }

    /// <summary>The number of rows.</summary>
    public int Count => (File?.Rows ?? 0) - DeadRows + Tail.Count - Tail.Dead;

    /// <summary>The id of a row of the tail.</summary>
    public long TailId(int row) => tailIds[row];

    /// <summary>Whether all rows of the chunk that contains a row of the file are still there.</summary>
    public bool IsWhole(int row) => dead[row >> shape.ChunkShift] is null;

    /// <summary>Whether a row of the file is still there.</summary>
    public bool IsAlive(int row)
    {
        var place = row & (shape.ChunkRows - 1);
        return dead[row >> shape.ChunkShift] is not { } bits || (bits[place >> 6] >> (place & 63) & 1) == 0;
    }

    /// <summary>Makes a later state.</summary>
    /// <param name="changes">The number of the collection's last change.</param>
    /// <param name="removal">The number of the last removal.</param>
    /// <param name="removed">The ids that were removed since.</param>
    /// <param name="added">The rows after the last one.</param>
    /// <param name="threads">The largest number of threads.</param>
    /// <exception cref="DamagedFileException">The file differs from what was written.</exception>
    public PackedState With(long changes, long removal, List<long> removed, List<VectorRow> added, int threads)
    {
        var (marked, fresh, deadRows, tailRows) = (dead, new HashSet<int>(), DeadRows, new List<int>());
        foreach (var id in removed)
        {
            var row = File?.Find(id) ?? -1;
            if (row >= 0)
            {
                var (chunk, place) = (row >> shape.ChunkShift, row & (shape.ChunkRows - 1));
                if (ReferenceEquals(marked, dead)) marked = [.. dead];
                if (fresh.Add(chunk)) marked[chunk] = [.. marked[chunk] ?? new ulong[shape.ChunkRows / 64]];
                marked[chunk]![place >> 6] |= 1ul << (place & 63);
                deadRows++;
            }
            else if (Array.BinarySearch(tailIds, id) is >= 0 and var tailRow) tailRows.Add(tailRow);
        }
        var tail = added.Count + tailRows.Count == 0 ? Tail : Tail.With([.. added.Select(row => row.Vector)], tailRows, threads);
        return new PackedState(shape, File, marked, deadRows, tail, [.. tailIds, .. added.Select(row => row.Id)])
        {
            Collection = Collection, Changes = changes, FileNumber = FileNumber, Removal = removal,
            Last = added.Count == 0 ? Last : added[^1].Id,
        };
    }
}
