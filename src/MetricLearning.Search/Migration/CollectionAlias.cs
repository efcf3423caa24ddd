using Microsoft.Extensions.VectorData;

namespace MetricLearning.Search;

/// <summary>A stable name for a collection. A switch makes it point to another collection of the store.</summary>
/// <remarks>
/// <para>Programs ask the alias for the name of the current collection and open that collection. A switch writes one record, so every
/// program sees either the old or the new collection. The aliases are records of the collection <c>metriclearning_aliases</c> of the
/// store.</para>
/// <para>Thread safety: any number of threads may call it at once, and any number of processes if the store allows them.</para>
/// </remarks>
/// <example><code>
/// var alias = new CollectionAlias(names, "products");
/// await CollectionMigration.RunAsync(old, made, product => product.Id, EmbedAsync);
/// await alias.SwitchAsync(made.Name);
/// </code></example>
public sealed class CollectionAlias
{
    private const string Aliases = "metriclearning_aliases", Alias = "Alias", Current = "Current";

    private readonly VectorStore store;
    private readonly VectorStoreCollection<object, Dictionary<string, object?>> names;

    /// <summary>Makes an alias of a store. It may already point to a collection; nothing is written.</summary>
    /// <param name="store">The store. Its <c>EmbeddingSpace</c> must not be set, because aliases have none: pass a second store object for
    /// the same file or database.</param>
    /// <param name="name">The name.</param>
    /// <exception cref="ArgumentNullException">The store is null.</exception>
    /// <exception cref="ArgumentException">The name is null, empty or blank.</exception>
    public CollectionAlias(VectorStore store, string name)
    {
        ArgumentNullException.ThrowIfNull(store);
        ArgumentException.ThrowIfNullOrWhiteSpace(name);
        (this.store, Name) = (store, name);
        names = store.GetDynamicCollection(Aliases, new VectorStoreCollectionDefinition
        {
            Properties = [new VectorStoreKeyProperty(Alias, typeof(string)), new VectorStoreDataProperty(Current, typeof(string))],
        });
    }

    /// <summary>The name.</summary>
    public string Name { get; }

    /// <summary>Gets the name of the current collection; null if none was ever set.</summary>
    /// <param name="cancellationToken">Stops the call.</param>
    /// <exception cref="VectorStoreException">The store fails.</exception>
    public async Task<string?> CurrentAsync(CancellationToken cancellationToken = default)
    {
        if (!await names.CollectionExistsAsync(cancellationToken).ConfigureAwait(false)) return null;
        return (await names.GetAsync(Name, null, cancellationToken).ConfigureAwait(false))?[Current] as string;
    }

    /// <summary>Makes a collection the current one.</summary>
    /// <param name="collection">Its name. The store of the alias has it.</param>
    /// <param name="cancellationToken">Stops the call.</param>
    /// <exception cref="ArgumentException">The name is null, empty or blank.</exception>
    /// <exception cref="VectorStoreException">The collection does not exist, or the store fails. The old collection is then still the
    /// current one.</exception>
    public async Task SwitchAsync(string collection, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(collection);
        if (!await store.CollectionExistsAsync(collection, cancellationToken).ConfigureAwait(false))
            throw new VectorStoreException($"The alias '{Name}' cannot name the collection '{collection}', which does not exist; create "
                + "and fill it first.") { CollectionName = collection };
        await names.EnsureCollectionExistsAsync(cancellationToken).ConfigureAwait(false);
        await names.UpsertAsync(new Dictionary<string, object?> { [Alias] = Name, [Current] = collection }, cancellationToken)
            .ConfigureAwait(false);
    }
}
