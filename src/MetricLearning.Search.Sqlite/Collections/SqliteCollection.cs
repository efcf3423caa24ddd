namespace MetricLearning.Search;

/// <summary>A collection of a <see cref="SqliteVectorStore"/>.</summary>
internal sealed class SqliteCollection<TKey, TRecord>(string name, RecordModel<TKey, TRecord> model, SqliteVectorStore store)
    : ExactCollection<TKey, TRecord>(name, model, SqliteVectorStore.SystemName, store.Path) where TKey : notnull where TRecord : class
{
    private readonly StoredCollection<TKey, TRecord> stored = new(name, model, store);

    public override Task<bool> CollectionExistsAsync(CancellationToken cancellationToken = default) =>
        store.CollectionExistsAsync(Name, cancellationToken);

    public override Task EnsureCollectionExistsAsync(CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        stored.Ensure();
        return Task.CompletedTask;
    }

    public override Task EnsureCollectionDeletedAsync(CancellationToken cancellationToken = default) =>
        store.EnsureCollectionDeletedAsync(Name, cancellationToken);

    public override Task<GalleryCanaries?> GetCanariesAsync(CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        Existing().Dispose();
        return Task.FromResult(stored.Canaries());
    }

    // Two stores of one file may have different paths.
    private protected override object Store => RealPath.Of(store.Database.Path);

    internal override RecordView<TKey, TRecord>? View() => stored.View();

    internal override void Write(IReadOnlyList<StoredRecord<TKey, TRecord>> records) => stored.Write(records);

    internal override void Remove(IReadOnlyCollection<TKey> keys) => stored.Remove(keys);
}
