namespace MetricLearning.Search;

/// <summary>The records of a collection in memory, and an exact index for each of their vectors.</summary>
/// <remarks>Thread safety: any number of threads may call it at once. A search sees the vectors of one moment.</remarks>
internal sealed class RecordTable<TKey, TRecord> : RecordView<TKey, TRecord> where TKey : notnull where TRecord : class
{
    private readonly object gate = new();
    private readonly RecordModel<TKey, TRecord> model;
    private readonly Dictionary<TKey, TRecord> records = [];
    private readonly RowTable<TKey, TRecord>[] vectors;

    /// <param name="model">The type of records.</param>
    /// <param name="threads">The largest number of threads of a search.</param>
    public RecordTable(RecordModel<TKey, TRecord> model, int threads)
    {
        this.model = model;
        vectors = [.. model.Shapes.Select(shape => new RowTable<TKey, TRecord>(shape, KeyOrder<TKey>.Default!, threads))];
    }

    /// <summary>The properties of the records.</summary>
    public string Schema => model.Schema;

    /// <summary>Writes checked records, in which no key occurs twice. A record replaces the one with the same key.</summary>
    public void Write(IReadOnlyCollection<StoredRecord<TKey, TRecord>> added)
    {
        lock (gate)
        {
            records.EnsureCapacity(records.Count + added.Count);
            for (var i = 0; i < vectors.Length; i++)
            {
                var name = model.Vectors[i].ModelName;
                vectors[i].Write([.. added.Where(record => record.Vectors[i] is not null)
                    .Select(record => new NewRow<TKey, TRecord>(record.Key, record.Vectors[i]!.Value, record.Values))],
                    replaces: true, name);
                vectors[i].Remove([.. added.Where(record => record.Vectors[i] is null).Select(record => record.Key)]);
            }
            foreach (var record in added) records[record.Key] = record.Values;
        }
    }

    /// <summary>Removes records; keys that do not exist are ignored.</summary>
    public void Remove(IReadOnlyCollection<TKey> keys)
    {
        lock (gate)
        {
            foreach (var table in vectors) table.Remove(keys);
            foreach (var key in keys) records.Remove(key);
        }
    }

    public override TRecord? Find(TKey key, bool withVectors)
    {
        lock (gate) return records.TryGetValue(key, out var values) ? Shown(key, values, withVectors) : null;
    }

    public override IEnumerable<KeyValuePair<TKey, TRecord>> All()
    {
        lock (gate) return records.ToArray();
    }

    public override TRecord Shown(TKey key, TRecord values, bool withVectors)
    {
        var copy = model.Copy(values);
        if (withVectors)
            for (var i = 0; i < vectors.Length; i++)
                model.SetVector(copy, i, vectors[i].TryGet(key, out _, out var vector) ? (ReadOnlyMemory<float>?)vector : null);
        return copy;
    }

    public override FoundRow<TKey, TRecord>[][] Search(int vector, IReadOnlyList<ReadOnlyMemory<float>> queries, string name, int k,
        RecordCondition<TRecord>? condition, CancellationToken cancellationToken) => vectors[vector].Search(queries, k,
        new RowConditions<TKey, TRecord>(null, condition is null ? null : (_, values) => condition.Keeps(values)),
        (key, values, score) => new FoundRow<TKey, TRecord>(key, values, score), name, cancellationToken);
}
