using System.Collections.Concurrent;
using Microsoft.Extensions.VectorData;

namespace MetricLearning.Search;

/// <summary>A vector store in memory. Its collections are searched exactly and last as long as the store.</summary>
/// <remarks>
/// <para><see cref="ExactCollection{TKey, TRecord}"/> describes the collections. A collection stores copies of records, so later changes
/// of a record do not affect it.</para>
/// <para>A disposed store and its collections throw an <see cref="ObjectDisposedException"/>.</para>
/// <para>Thread safety: any number of threads may call it at once.</para>
/// </remarks>
public sealed class MemoryVectorStore : ExactVectorStore
{
    /// <summary>The name of the kind of store in metadata.</summary>
    public const string SystemName = "metriclearning.memory";

    private readonly ConcurrentDictionary<string, object> collections = new(StringComparer.Ordinal);

    /// <summary>Makes a store without collections.</summary>
    public MemoryVectorStore() : base(SystemName, null)
    {
    }

    /// <inheritdoc/>
    public override IAsyncEnumerable<string> ListCollectionNamesAsync(CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        RequireOpen();
        return AsyncNames.Of(collections.Keys.Order(KeyOrder<string>.Default));
    }

    /// <inheritdoc/>
    public override Task<bool> CollectionExistsAsync(string name, CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        return Task.FromResult(collections.ContainsKey(Checked(name)));
    }

    /// <inheritdoc/>
    public override Task EnsureCollectionDeletedAsync(string name, CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        collections.TryRemove(Checked(name), out _);
        return Task.CompletedTask;
    }

    internal override ExactCollection<TKey, TRecord> Collection<TKey, TRecord>(string name, RecordModel<TKey, TRecord> model) =>
        new MemoryCollection<TKey, TRecord>(name, model, this);

    /// <summary>Creates a collection if it does not exist.</summary>
    internal void Ensure(string name, Func<object> create)
    {
        RequireOpen();
        collections.GetOrAdd(name, _ => create());
    }

    /// <summary>Finds the records of a collection; null if there is no such collection.</summary>
    /// <exception cref="VectorStoreException">The collection has other types.</exception>
    /// <exception cref="ObjectDisposedException">The store is disposed.</exception>
    internal T? Find<T>(string name) where T : class
    {
        RequireOpen();
        return !collections.TryGetValue(name, out var found) ? null : found as T
            ?? throw new VectorStoreException($"The collection '{name}' has been created with other types of keys or records.")
            {
                CollectionName = name,
                VectorStoreSystemName = SystemName,
            };
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        base.Dispose(disposing);
        collections.Clear();
    }
}
