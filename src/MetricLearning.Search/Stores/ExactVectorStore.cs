using System.Diagnostics.CodeAnalysis;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.VectorData;

namespace MetricLearning.Search;

/// <summary>The base class of vector stores whose collections are searched exactly. <see cref="ExactCollection{TKey, TRecord}"/> describes
/// the collections.</summary>
/// <remarks>Thread safety: any number of threads may call it at once.</remarks>
public abstract class ExactVectorStore : VectorStore
{
    private readonly VectorStoreMetadata metadata;

    private protected ExactVectorStore(string system, string? store) =>
        metadata = new VectorStoreMetadata { VectorStoreSystemName = system, VectorStoreName = store };

    /// <summary>Makes vectors if records and searches have other inputs, such as images or texts, in place of vectors. Default: null; then
    /// they must have vectors.</summary>
    public IEmbeddingGenerator? EmbeddingGenerator { get; init; }

    /// <summary>The vectors that this program's model gives for a few fixed inputs. They are stored with each collection, and a collection
    /// that another model has filled is refused. Default: null, nothing is stored and nothing is checked.</summary>
    public GalleryCanaries? Canaries { get; init; }

    /// <summary>The largest number of threads of a search. Default: as many as the process has processors.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The number is below 1.</exception>
    public int Threads { get; init => field = Guard.AtLeast(value, 1); } = Environment.ProcessorCount;

    /// <summary>Gets a collection by its name. Call <c>EnsureCollectionExistsAsync</c> on it to create it.</summary>
    /// <typeparam name="TKey">The type of keys.</typeparam>
    /// <typeparam name="TRecord">The type of records.</typeparam>
    /// <param name="name">The name.</param>
    /// <param name="definition">The properties of records. Default: null, taken from the attributes of the type.</param>
    /// <exception cref="ArgumentException">The name is null, empty or blank, or a vector has more than 65,536 dimensions.</exception>
    /// <exception cref="InvalidOperationException">The attributes or the definition contradict the type.</exception>
    /// <exception cref="NotSupportedException">A property has a type or a distance function that the store does not support.</exception>
    [RequiresDynamicCode("The type of records is read by reflection; use GetDynamicCollection instead.")]
    [RequiresUnreferencedCode("The type of records is read by reflection; use GetDynamicCollection instead.")]
    public override ExactCollection<TKey, TRecord> GetCollection<TKey, TRecord>(string name,
        VectorStoreCollectionDefinition? definition = null)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(name);
        return Collection(name, new RecordModel<TKey, TRecord>(definition, EmbeddingGenerator));
    }

    /// <summary>Gets a collection whose records are dictionaries.</summary>
    /// <param name="name">The name.</param>
    /// <param name="definition">The properties of records.</param>
    /// <exception cref="ArgumentException">The name is null, empty or blank, the definition is null, or a vector has more than 65,536
    /// dimensions.</exception>
    /// <exception cref="NotSupportedException">A property has a type or a distance function that the store does not have.</exception>
    public override ExactCollection<object, Dictionary<string, object?>> GetDynamicCollection(string name,
        VectorStoreCollectionDefinition definition)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(name);
        ArgumentNullException.ThrowIfNull(definition);
        return Collection(name, new RecordModel<object, Dictionary<string, object?>>(definition, EmbeddingGenerator));
    }

    /// <inheritdoc/>
    public override object? GetService(Type serviceType, object? serviceKey = null)
    {
        ArgumentNullException.ThrowIfNull(serviceType);
        return serviceKey is not null ? null : serviceType == typeof(VectorStoreMetadata) ? metadata
            : serviceType.IsInstanceOfType(this) ? this : null;
    }

    /// <summary>Makes a collection of this store.</summary>
    internal abstract ExactCollection<TKey, TRecord> Collection<TKey, TRecord>(string name, RecordModel<TKey, TRecord> model)
        where TKey : notnull where TRecord : class;
}
