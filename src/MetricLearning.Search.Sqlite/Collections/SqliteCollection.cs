namespace MetricLearning.Search;

/// <summary>A collection of a <see cref="SqliteVectorStore"/>.</summary>
internal sealed class SqliteCollection<TKey, TRecord>(string name, RecordModel<TKey, TRecord> model, SqliteVectorStore store)
    : ExactCollection<TKey, TRecord>(name, model, SqliteVectorStore.SystemName, store.Path) where TKey : notnull where TRecord : class
{
    private readonly LoadedCollection<TKey, TRecord> loaded = new(name, model, store);

    public override Task<bool> CollectionExistsAsync(CancellationToken cancellationToken = default) =>
        store.CollectionExistsAsync(Name, cancellationToken);

    public override Task EnsureCollectionExistsAsync(CancellationToken cancellationToken = default)
    {
        loaded.Ensure();
        return Task.CompletedTask;
    }

    public override Task EnsureCollectionDeletedAsync(CancellationToken cancellationToken = default) =>
        store.EnsureCollectionDeletedAsync(Name, cancellationToken);

    internal override RecordTable<TKey, TRecord>? Table() => loaded.Table();

    internal override void Write(IReadOnlyList<StoredRecord<TKey, TRecord>> records) => loaded.Write(records);

    internal override void Remove(IReadOnlyCollection<TKey> keys) => loaded.Remove(keys);
}
