using Microsoft.Extensions.VectorData;

namespace MetricLearning.Search;

/// <summary>A name that stands for one collection of a store, now for this one and after a switch for another.</summary>
/// <remarks>
/// <para>Programs ask for the name of the current collection and open that one. A switch writes one record, so every program sees the old
/// collection or the new one, and never something between. The names are in a collection of the store,
/// <c>metriclearning_aliases</c>.</para>
/// <para>Thread safety: any number of threads may call it at once, and any number of processes where the store allows them.</para>
/// </remarks>
/// <example><code>
/// var alias = new CollectionAlias(names, "products");
/// await CollectionMigration.RunAsync(old, made, product => product.Id, EmbedAsync);
/// await alias.SwitchAsync(made.Name);
/// </code></example>
public sealed class CollectionAlias
{
    private const string Aliases = "metriclearning_aliases", Alias = "Alias", Current = "Current";

    private readonly VectorStoreCollection<object, Dictionary<string, object?>> names;

    /// <param name="store">The store. Its <c>EmbeddingSpace</c> must not be set, because names have none: give a second store of the same
    /// file or database.</param>
    /// <param name="name">The name.</param>
    /// <exception cref="ArgumentNullException">The store is null.</exception>
    /// <exception cref="ArgumentException">The name is null or empty.</exception>
    public CollectionAlias(VectorStore store, string name)
    {
        ArgumentNullException.ThrowIfNull(store);
        ArgumentException.ThrowIfNullOrWhiteSpace(name);
        Name = name;
        names = store.GetDynamicCollection(Aliases, new VectorStoreCollectionDefinition
        {
            Properties = [new VectorStoreKeyProperty(Alias, typeof(string)), new VectorStoreDataProperty(Current, typeof(string))],
        });
    }

    /// <summary>The name.</summary>
    public string Name { get; }

    /// <summary>The name of the current collection; null where none was ever set.</summary>
    /// <param name="cancellationToken">Stops the call.</param>
    /// <exception cref="VectorStoreException">The store fails.</exception>
    public async Task<string?> CurrentAsync(CancellationToken cancellationToken = default)
    {
        if (!await names.CollectionExistsAsync(cancellationToken).ConfigureAwait(false)) return null;
        return (await names.GetAsync(Name, null, cancellationToken).ConfigureAwait(false))?[Current] as string;
    }

    /// <summary>Makes a collection the current one.</summary>
    /// <param name="collection">Its name.</param>
    /// <param name="cancellationToken">Stops the call.</param>
    /// <exception cref="ArgumentException">The name is null or empty.</exception>
    /// <exception cref="VectorStoreException">The store fails; then the old collection is still the current one.</exception>
    public async Task SwitchAsync(string collection, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(collection);
        await names.EnsureCollectionExistsAsync(cancellationToken).ConfigureAwait(false);
        await names.UpsertAsync(new Dictionary<string, object?> { [Alias] = Name, [Current] = collection }, cancellationToken)
            .ConfigureAwait(false);
    }
}
