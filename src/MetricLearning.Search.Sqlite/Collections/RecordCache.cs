using System.Collections.Concurrent;

namespace MetricLearning.Search;

/// <summary>Records that were read, by the id of their row. A row of an id never changes, so what is here stays right.</summary>
/// <remarks>Thread safety: any number of threads may call it at once.</remarks>
internal sealed class RecordCache<TKey, TRecord> where TKey : notnull where TRecord : class
{
    private const int MostRecords = 100_000;

    private readonly ConcurrentDictionary<(long Collection, long Id), KeyValuePair<TKey, TRecord>> records = new();
    private int count;

    /// <summary>Whether the record of a row is here.</summary>
    public bool TryGet(long collection, long id, out KeyValuePair<TKey, TRecord> record) =>
        records.TryGetValue((collection, id), out record);

    /// <summary>Keeps the record of a row. Where there are too many, those before it are forgotten.</summary>
    public void Add(long collection, long id, KeyValuePair<TKey, TRecord> record)
    {
        if (!records.TryAdd((collection, id), record) || Interlocked.Increment(ref count) <= MostRecords) return;
        Volatile.Write(ref count, 0);
        records.Clear();
    }
}
