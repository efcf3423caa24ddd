using System.Collections.Concurrent;

namespace MetricLearning.Search;

/// <summary>Caches records by the id of their row. A row never changes, so the cached records stay valid.</summary>
/// <remarks>Thread safety: any number of threads may call it at once.</remarks>
internal sealed class RecordCache<TKey, TRecord> where TKey : notnull where TRecord : class
{
    private const int MostRecords = 100_000;

    private readonly ConcurrentDictionary<(long Collection, long Id), KeyValuePair<TKey, TRecord>> records = new();
    private int count;

    /// <summary>Gets the record of a row, if it is in the cache.</summary>
    public bool TryGet(long collection, long id, out KeyValuePair<TKey, TRecord> record) =>
        records.TryGetValue((collection, id), out record);

    /// <summary>Adds the record of a row. If the cache is full, all its records are dropped.</summary>
    public void Add(long collection, long id, KeyValuePair<TKey, TRecord> record)
    {
        if (!records.TryAdd((collection, id), record) || Interlocked.Increment(ref count) <= MostRecords) return;
        Volatile.Write(ref count, 0);
        records.Clear();
    }
}
