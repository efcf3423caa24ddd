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
    private bool isDisposed;

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
    /// <exception cref="ArgumentException">The name is null, empty or blank, or has half of a surrogate pair; a vector has more than 65,536
    /// dimensions; or no vector has as many dimensions as the store's embedding space.</exception>
    /// <exception cref="ObjectDisposedException">The store is disposed.</exception>
    /// <exception cref="InvalidOperationException">The attributes or the definition contradict the type.</exception>
    /// <exception cref="NotSupportedException">A property has a type or a distance function that the store does not support.</exception>
    [RequiresDynamicCode("The type of records is read by reflection; use GetDynamicCollection instead.")]
    [RequiresUnreferencedCode("The type of records is read by reflection; use GetDynamicCollection instead.")]
    public override ExactCollection<TKey, TRecord> GetCollection<TKey, TRecord>(string name,
        VectorStoreCollectionDefinition? definition = null)
    {
        return Collection(Checked(name), new RecordModel<TKey, TRecord>(definition, EmbeddingGenerator, Space));
    }

    /// <summary>Gets a collection whose records are dictionaries.</summary>
    /// <param name="name">The name.</param>
    /// <param name="definition">The properties of records.</param>
    /// <exception cref="ArgumentException">The name is null, empty or blank, or has half of a surrogate pair; the definition is null; a
    /// vector has more than 65,536 dimensions; or no vector has as many dimensions as the store's embedding space.</exception>
    /// <exception cref="ObjectDisposedException">The store is disposed.</exception>
    /// <exception cref="NotSupportedException">A property has a type or a distance function that the store does not have.</exception>
    public override ExactCollection<object, Dictionary<string, object?>> GetDynamicCollection(string name,
        VectorStoreCollectionDefinition definition)
    {
        ArgumentNullException.ThrowIfNull(definition);
        return Collection(Checked(name), RecordModel<object, Dictionary<string, object?>>.Dynamic(definition, EmbeddingGenerator, Space));
    }

    /// <inheritdoc/>
    public override object? GetService(Type serviceType, object? serviceKey = null)
    {
        ArgumentNullException.ThrowIfNull(serviceType);
        return serviceKey is not null ? null : serviceType == typeof(VectorStoreMetadata) ? metadata
            : serviceType.IsInstanceOfType(this) ? this : null;
    }

    /// <summary>The embedding space of the vectors; null if it is not known.</summary>
    private protected virtual EmbeddingSpace? Space => null;

    /// <summary>Refuses a name that no store can keep, and every call after the store was disposed.</summary>
    private protected string Checked(string name)
    {
        RequireOpen();
        ArgumentException.ThrowIfNullOrWhiteSpace(name);
        return UnicodeText.Require(name, nameof(name));
    }

    /// <summary>Refuses calls after the store was disposed. Collections call it too.</summary>
    internal void RequireOpen() => ObjectDisposedException.ThrowIf(Volatile.Read(ref isDisposed), this);

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        Volatile.Write(ref isDisposed, true);
        base.Dispose(disposing);
    }

    /// <summary>Makes a collection of this store.</summary>
    internal abstract ExactCollection<TKey, TRecord> Collection<TKey, TRecord>(string name, RecordModel<TKey, TRecord> model)
        where TKey : notnull where TRecord : class;
}
