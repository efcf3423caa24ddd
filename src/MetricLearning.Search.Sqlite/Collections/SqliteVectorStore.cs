using System.Diagnostics.CodeAnalysis;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.VectorData;

namespace MetricLearning.Search;

/// <summary>Collections in one SQLite file that are searched exactly.</summary>
/// <remarks>
/// <para>What the collections do is written on <see cref="ExactCollection{TKey, TRecord}"/>. Records and float32 vectors are in the
/// database alone. Each call that writes is one transaction, flushed to the disk before it returns: a process that is killed, or a machine
/// that stops, loses no record of a call that has returned, and leaves no part of one that has not.</para>
/// <para>A collection is read into memory when it is first used, and catches up with the changes of other processes before each
/// call.</para>
/// <para>Processes: one writes at a time, and others wait for it for up to a minute; any number read meanwhile. The file must be on a disk
/// of the machine, because SQLite's locks do not work on most network drives.</para>
/// <para>Thread safety: any number of threads may call it at once.</para>
/// </remarks>
/// <example><code>
/// using var store = new SqliteVectorStore("gallery.db") { EmbeddingSpace = space };
/// var products = store.GetCollection&lt;string, Product&gt;("products");
/// await products.EnsureCollectionExistsAsync();
/// await products.UpsertAsync(records);
/// </code></example>
public sealed class SqliteVectorStore : VectorStore
{
    /// <summary>The name of the kind of store in metadata.</summary>
    public const string SystemName = Database.SystemName;

    private readonly VectorStoreMetadata metadata;

    /// <summary>Opens a file, or makes it.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="ArgumentException">The path is null or empty.</exception>
    /// <exception cref="VectorStoreException">The file cannot be opened, is something else, or was written by a newer version; the message
    /// names it.</exception>
    public SqliteVectorStore(string path)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(path);
        (Path, Database) = (path, new Database(path));
        metadata = new VectorStoreMetadata { VectorStoreSystemName = SystemName, VectorStoreName = path };
    }

    /// <summary>The file.</summary>
    public string Path { get; }

    /// <summary>Makes vectors of what records and searches have instead. Default: null, they have vectors.</summary>
    public IEmbeddingGenerator? EmbeddingGenerator { get; init; }

    /// <summary>Which model, layer, size and preprocessing made the vectors. It is stored with each collection; a collection whose vectors
    /// are of another space is refused. Default: null, it is not known and not checked.</summary>
    public EmbeddingSpace? EmbeddingSpace { get; init; }

    /// <summary>The most threads of a search. Default: as many as the process has processors.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The number is below 1.</exception>
    public int Threads { get; init => field = Guard.AtLeast(value, 1); } = Environment.ProcessorCount;

    internal Database Database { get; }

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
        return new SqliteCollection<TKey, TRecord>(name, new RecordModel<TKey, TRecord>(definition, EmbeddingGenerator), this);
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
        return new SqliteCollection<object, Dictionary<string, object?>>(name,
            new RecordModel<object, Dictionary<string, object?>>(definition, EmbeddingGenerator), this);
    }

    /// <inheritdoc/>
    public override IAsyncEnumerable<string> ListCollectionNamesAsync(CancellationToken cancellationToken = default) =>
        AsyncNames.Of(Database.Use("list", opened =>
        {
            using var command = Database.Command(opened, "SELECT name FROM collections ORDER BY name");
            using var reader = command.ExecuteReader();
            var names = new List<string>();
            while (reader.Read()) names.Add(reader.GetString(0));
            return names;
        }));

    /// <inheritdoc/>
    public override Task<bool> CollectionExistsAsync(string name, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(name);
        return Task.FromResult(Database.Use("exists", opened => CollectionEntry.Find(opened, name) is not null));
    }

    /// <inheritdoc/>
    public override Task EnsureCollectionDeletedAsync(string name, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(name);
        Database.Use("delete", opened =>
        {
            using var transaction = opened.BeginTransaction(deferred: false);
            if (CollectionEntry.Find(opened, name) is { } entry)
            {
                RecordTables.Drop(opened, entry.Id);
                Database.Execute(opened, "DELETE FROM collections WHERE name = $0", name);
            }
            transaction.Commit();
            return true;
        });
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public override object? GetService(Type serviceType, object? serviceKey = null)
    {
        ArgumentNullException.ThrowIfNull(serviceType);
        return serviceKey is not null ? null : serviceType == typeof(VectorStoreMetadata) ? metadata
            : serviceType.IsInstanceOfType(this) ? this : null;
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing) Database.Close();
        base.Dispose(disposing);
    }
}
