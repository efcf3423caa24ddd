using System.Runtime.InteropServices;
using Microsoft.Data.Sqlite;

namespace MetricLearning.Search;

/// <summary>Reads rows by their ids, as one transaction sees them.</summary>
/// <remarks>Thread safety: any number of threads may call it at once. They take turns, because a SQLite connection requires it.</remarks>
internal sealed unsafe class RowReader<TKey, TRecord> : IDisposable where TKey : notnull where TRecord : class
{
    private readonly object gate = new();
    private readonly long collection, file;
    private readonly RowShape shape;
    private readonly RecordRows<TKey, TRecord> rows;
    private readonly RecordCache<TKey, TRecord> cache;
    private readonly VectorStatement vector;
    private readonly SqliteCommand record, range;

    /// <param name="opened">A connection with a transaction. Nobody else uses it meanwhile.</param>
    /// <param name="state">The state that the transaction sees.</param>
    /// <param name="shape">The layout of rows in memory.</param>
    /// <param name="number">The number of the vector property.</param>
    /// <param name="rows">The rows of the collection.</param>
    /// <param name="cache">The records that were read recently.</param>
    public RowReader(SqliteConnection opened, PackedState state, RowShape shape, int number, RecordRows<TKey, TRecord> rows,
        RecordCache<TKey, TRecord> cache)
    {
        (collection, file, this.shape, this.rows, this.cache) = (state.Collection, state.FileNumber, shape, rows, cache);
        (vector, record, range) = (new VectorRows(collection, number).ById(opened), rows.ById(opened), rows.Between(opened));
    }

    /// <summary>The exact score of a query and a row.</summary>
    public double Score(float* query, double querySquare, long id)
    {
        var stored = Scratch.Floats(shape.Width).AsSpan(0, shape.Width);
        lock (gate)
            if (!vector.Read(id, MemoryMarshal.AsBytes(stored))) throw new DamagedFileException(file);
        fixed (float* start = stored) return shape.Score(query, querySquare, start, shape.Square(start));
    }

    /// <summary>The key and the values of a row.</summary>
    public KeyValuePair<TKey, TRecord> Record(long id)
    {
        if (cache.TryGet(collection, id, out var known)) return known;
        lock (gate)
        {
            record.Parameters[0].Value = id;
            using var reader = record.ExecuteReader();
            return reader.Read() ? Read(id, reader) : throw new DamagedFileException(file);
        }
    }

    /// <summary>Gives the rows for whose records a condition is true, ascending. If some records are not cached, all are read at
    /// once.</summary>
    /// <param name="among">The rows, by ascending ids.</param>
    /// <param name="id">The id of a row.</param>
    /// <param name="first">The first row that is looked at.</param>
    /// <param name="end">The row after the last one.</param>
    /// <param name="keeps">The condition.</param>
    public List<int> Kept(ScanRows among, Func<int, long> id, int first, int end, Func<TRecord, bool> keeps)
    {
        var kept = new List<int>();
        for (var row = first; row < end; row++)
            if (among.IsWhole(row) || among.IsAlive(row))
            {
                if (!cache.TryGet(collection, id(row), out var known)) return ReadKept(id, first, end, keeps);
                if (keeps(known.Value)) kept.Add(row);
            }
        return kept;
    }

    public void Dispose()
    {
        vector.Dispose();
        record.Dispose();
        range.Dispose();
    }

    private List<int> ReadKept(Func<int, long> id, int first, int end, Func<TRecord, bool> keeps)
    {
        var (kept, row) = (new List<int>(), first);
        lock (gate)
        {
            (range.Parameters[0].Value, range.Parameters[1].Value) = (id(first), id(end - 1));
            using var reader = range.ExecuteReader();
            while (reader.Read())
            {
                var there = reader.GetInt64(2);
                while (id(row) < there) row++;
                // A record without this vector has no row.
                if (id(row) == there && keeps(Read(there, reader).Value)) kept.Add(row);
            }
        }
        return kept;
    }

    private KeyValuePair<TKey, TRecord> Read(long id, SqliteDataReader reader)
    {
        if (cache.TryGet(collection, id, out var known)) return known;
        var key = rows.Key(reader);
        var read = new KeyValuePair<TKey, TRecord>(key, rows.Values(key, reader));
        cache.Add(collection, id, read);
        return read;
    }
}
