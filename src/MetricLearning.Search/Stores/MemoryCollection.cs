using Microsoft.Extensions.VectorData;

namespace MetricLearning.Search;

/// <summary>A collection of a <see cref="MemoryVectorStore"/>.</summary>
internal sealed class MemoryCollection<TKey, TRecord>(string name, RecordModel<TKey, TRecord> model, MemoryVectorStore store)
    : ExactCollection<TKey, TRecord>(name, model, MemoryVectorStore.SystemName, null) where TKey : notnull where TRecord : class
{
    public override Task<bool> CollectionExistsAsync(CancellationToken cancellationToken = default) =>
        store.CollectionExistsAsync(Name, cancellationToken);

    public override Task EnsureCollectionExistsAsync(CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        store.Ensure(Name, () => new RecordTable<TKey, TRecord>(Model, store.Threads));
        Table();
        return Task.CompletedTask;
    }

    public override Task EnsureCollectionDeletedAsync(CancellationToken cancellationToken = default) =>
        store.EnsureCollectionDeletedAsync(Name, cancellationToken);

    public override Task<GalleryCanaries?> GetCanariesAsync(CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        Existing().Dispose();
        return Task.FromResult(store.Canaries);
    }

    private protected override object Store => store;

    internal override RecordView<TKey, TRecord>? View() => Table();

    internal override void Write(IReadOnlyList<StoredRecord<TKey, TRecord>> records)
    {
        // The collection may have been deleted while the vectors were made.
        using var table = (RecordTable<TKey, TRecord>)Existing();
        table.Write(records);
    }

    internal override void Remove(IReadOnlyCollection<TKey> keys) => Table()?.Remove(keys);

    /// <summary>The records; null if the collection does not exist.</summary>
    /// <exception cref="VectorStoreException">The collection holds other records.</exception>
    private RecordTable<TKey, TRecord>? Table()
    {
        var table = store.Find<RecordTable<TKey, TRecord>>(Name);
        if (table is not null) Model.CheckSchema(table.Schema, Name);
        return table;
    }
}
