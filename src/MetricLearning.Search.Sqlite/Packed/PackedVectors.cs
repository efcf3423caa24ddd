using Microsoft.Data.Sqlite;
using Microsoft.Extensions.VectorData;

namespace MetricLearning.Search;

/// <summary>Holds the newest state of a vector property and brings it up to date.</summary>
/// <remarks>
/// <para>Rows are packed when enough of them follow the file. The file is rebuilt when it is missing or damaged, when more than half of its
/// rows were removed, and when the rows have grown so much since it was begun that its center fits badly. If the file cannot be written,
/// the rows stay in memory.</para>
/// <para>Thread safety: any number of threads may call it at once.</para>
/// </remarks>
/// <param name="shape">The layout of rows in memory.</param>
/// <param name="vector">The number of the vector property.</param>
/// <param name="files">The packed files.</param>
/// <param name="threads">The largest number of threads.</param>
internal sealed class PackedVectors(RowShape shape, int vector, PackedFiles files, int threads)
{
    /// <summary>The number of unpacked chunks in memory at which rows are packed.</summary>
    private const int ChunksInMemory = 4;

    /// <summary>The file is rebuilt when the number of rows has grown by this factor since it was begun.</summary>
    private const int Growth = 16;

    private readonly object gate = new();
    private PackedState? state;
    private PackedFile? mapped;
    private Action? due;
    private bool cannotWrite;
    private long damaged;

    /// <summary>Gets the state that a transaction sees.</summary>
    /// <param name="opened">A connection with a transaction.</param>
    /// <param name="entry">The entry of the collection in it.</param>
    /// <returns>The state; null if the caller must end the transaction, call <see cref="Prepare"/>, and begin another one.</returns>
    /// <exception cref="DamagedFileException">The file differs from what was written.</exception>
    public PackedState? Find(SqliteConnection opened, CollectionEntry entry)
    {
        lock (gate)
        {
            if (state is { } now && now.Collection == entry.Id && now.Changes >= entry.Changes)
                return now.Changes == entry.Changes ? now : null;
            var rows = new VectorRows(entry.Id, vector);
            var packed = PackedEntry.Find(opened, entry.Id, vector);
            var known = state is not null && state.Collection == entry.Id && state.FileNumber == packed.File;
            var from = known ? state! : Opened(rows, packed, entry);
            if (from is null) return null;
            var removal = RecordTables.LastRemoval(opened, entry.Id);
            var removed = rows.Removed(opened, from.Removal);
            var most = (known ? ChunksInMemory : 1) * shape.ChunkRows - (from.Tail.Count - from.Tail.Dead);
            var added = rows.Behind(opened, from.Last, cannotWrite ? int.MaxValue : Math.Max(1, most));
            if (!cannotWrite && added.Count >= most) return Due(() => Pack(rows));
            var next = from.With(entry.Changes, removal, removed, added, threads);
            if (!cannotWrite && IsStale(next, packed, removed.Count)) return Due(() => files.Renew(rows, packed.File));
            return state = next;
        }
    }

    /// <summary>Packs rows or rebuilds the file, as needed.</summary>
    public void Prepare()
    {
        Action? act;
        lock (gate) (act, due) = (due, null);
        try
        {
            act?.Invoke();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or VectorStoreException || FullDisk.Is(e))
        {
            // The rows stay in memory. No data is lost, because the database has everything.
            lock (gate) cannotWrite = true;
        }
    }

    /// <summary>Records that a file differs from what was written.</summary>
    public void Damaged(long file)
    {
        lock (gate) (state, damaged) = (null, file);
    }

    private PackedState? Opened(VectorRows rows, PackedEntry packed, CollectionEntry entry)
    {
        PackedFile? file = null;
        if (packed.Blocks.Count > 0 && packed.File != damaged)
            file = mapped = PackedFile.Open(files.PathOf(rows, packed.File), shape, packed, mapped);
        if (file is null && packed.Blocks.Count > 0 && !cannotWrite) return Due(() => files.Renew(rows, packed.File));
        return new PackedState(shape, file)
        {
            Collection = entry.Id, Changes = 0, FileNumber = packed.File, Removal = packed.Removal, Last = file is null ? 0 : packed.Last,
        };
    }

    private bool IsStale(PackedState next, PackedEntry packed, int removed) =>
        Math.Max(next.DeadRows + next.Tail.Dead, removed) > Math.Max(next.Count, shape.ChunkRows)
        || next.File is { } file && file.Rows >= (long)Growth * Math.Max(1, packed.Rows);

    private void Pack(VectorRows rows)
    {
        while (files.Pack(rows, shape)) { }
        lock (gate) state = null;
    }

    private PackedState? Due(Action act)
    {
        due = act;
        return null;
    }
}
