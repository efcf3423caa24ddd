using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.VectorData;

namespace MetricLearning.Search;

/// <summary>Collections in memory that are searched exactly. They last as long as the store.</summary>
/// <remarks>
/// <para>What the collections do is written on <see cref="ExactCollection{TKey, TRecord}"/>. A collection keeps copies of records: later
/// changes of a record do not reach it.</para>
/// <para>Thread safety: any number of threads may call it at once.</para>
/// </remarks>
public sealed class MemoryVectorStore : VectorStore
{
    /// <summary>The name of the kind of store in metadata.</summary>
    public const string SystemName = "metriclearning.memory";

    private readonly ConcurrentDictionary<string, object> collections = new(StringComparer.Ordinal);
    private readonly VectorStoreMetadata metadata = new() { VectorStoreSystemName = SystemName };

    /// <summary>Makes vectors of what records and searches have instead. Default: null, they have vectors.</summary>
    public IEmbeddingGenerator? EmbeddingGenerator { get; init; }

    /// <summary>The most threads of a search. Default: as many as the process has processors.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The number is below 1.</exception>
    public int Threads { get; init => field = Guard.AtLeast(value, 1); } = Environment.ProcessorCount;

    /// <summary>A collection by its name. It is there when <c>EnsureCollectionExistsAsync</c> has been called.</summary>
    /// <typeparam name="TKey">The type of keys.</typeparam>
    /// <typeparam name="TRecord">The type of records.</typeparam>
    /// <param name="name">The name.</param>
    /// <param name="definition">What records hold. Default: null, their attributes say it.</param>
    /// <exception cref="ArgumentException">The name is null or empty.</exception>
    /// <exception cref="InvalidOperationException">The attributes or the definition contradict the type.</exception>
    /// <exception cref="NotSupportedException">A property has a type or a distance function that the store does not have.</exception>
    [RequiresDynamicCode("The type of records is read by reflection; use GetDynamicCollection instead.")]
    [RequiresUnreferencedCode("The type of records is read by reflection; use GetDynamicCollection instead.")]
    public override ExactCollection<TKey, TRecord> GetCollection<TKey, TRecord>(string name,
        VectorStoreCollectionDefinition? definition = null)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(name);
        return new MemoryCollection<TKey, TRecord>(name, new RecordModel<TKey, TRecord>(definition, EmbeddingGenerator), this);
    }

    /// <summary>A collection whose records are dictionaries.</summary>
    /// <param name="name">The name.</param>
    /// <param name="definition">What records hold.</param>
    /// <exception cref="ArgumentException">The name is null or empty, or the definition is null.</exception>
    /// <exception cref="NotSupportedException">A property has a type or a distance function that the store does not have.</exception>
    public override ExactCollection<object, Dictionary<string, object?>> GetDynamicCollection(string name,
        VectorStoreCollectionDefinition definition)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(name);
        ArgumentNullException.ThrowIfNull(definition);
        return new MemoryCollection<object, Dictionary<string, object?>>(name,
            new RecordModel<object, Dictionary<string, object?>>(definition, EmbeddingGenerator), this);
    }

    /// <inheritdoc/>
    public override IAsyncEnumerable<string> ListCollectionNamesAsync(CancellationToken cancellationToken = default) =>
        AsyncNames.Of(collections.Keys.Order(StringComparer.Ordinal));

    /// <inheritdoc/>
    public override Task<bool> CollectionExistsAsync(string name, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(name);
        return Task.FromResult(collections.ContainsKey(name));
    }

    /// <inheritdoc/>
    public override Task EnsureCollectionDeletedAsync(string name, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(name);
        collections.TryRemove(name, out _);
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public override object? GetService(Type serviceType, object? serviceKey = null)
    {
        ArgumentNullException.ThrowIfNull(serviceType);
        return serviceKey is not null ? null : serviceType == typeof(VectorStoreMetadata) ? metadata
            : serviceType.IsInstanceOfType(this) ? this : null;
    }

    internal void Ensure(string name, Func<object> create) => collections.GetOrAdd(name, _ => create());

    /// <summary>The records of a collection; null where there is no such collection.</summary>
    /// <exception cref="VectorStoreException">The collection has other types.</exception>
    internal T? Find<T>(string name) where T : class => !collections.TryGetValue(name, out var found) ? null : found as T
        ?? throw new VectorStoreException($"The collection '{name}' has been created with other types of keys or records.")
        {
            CollectionName = name,
            VectorStoreSystemName = SystemName,
        };
}
