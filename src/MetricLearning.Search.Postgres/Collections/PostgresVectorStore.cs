using System.Diagnostics.CodeAnalysis;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.VectorData;
using Npgsql;

namespace MetricLearning.Search;

/// <summary>Collections in a PostgreSQL database with pgvector, each of them a table.</summary>
/// <remarks>
/// <para>What the collections do is written on <see cref="PostgresCollection{TKey, TRecord}"/>. The server must have pgvector 0.8 or newer;
/// the store loads it into the database (<c>CREATE EXTENSION vector</c>), for which the user needs the right unless it is loaded.</para>
/// <para>A call that fails because the server cannot be reached, is starting or breaks off a transaction is tried again, up to
/// <see cref="Retries"/> times. A retried write may come after that of another writer.</para>
/// <para>Thread safety: any number of threads may call it at once, and any number of processes may use the database.</para>
/// </remarks>
/// <example><code>
/// using var store = new PostgresVectorStore("Host=localhost;Database=gallery;Username=me") { EmbeddingSpace = space };
/// var products = store.GetCollection&lt;string, Product&gt;("products");
/// await products.EnsureCollectionExistsAsync();
/// await products.UpsertAsync(records);
/// </code></example>
public sealed class PostgresVectorStore : VectorStore
{
    /// <summary>The name of the kind of store in metadata.</summary>
    public const string SystemName = PostgresServer.SystemName;

    private readonly NpgsqlDataSource source;
    private readonly bool owns;
    private readonly Lazy<PostgresServer> server;

    /// <summary>Uses a database. It is not reached before the first call.</summary>
    /// <param name="connectionString">Where it is, as Npgsql reads it.</param>
    /// <exception cref="ArgumentException">The text is null, empty or no connection string.</exception>
    public PostgresVectorStore(string connectionString) : this(Source(connectionString), owns: true)
    {
    }

    /// <summary>Uses the connections of a source, which stays the caller's.</summary>
    /// <param name="source">The source.</param>
    /// <exception cref="ArgumentNullException">The source is null.</exception>
    public PostgresVectorStore(NpgsqlDataSource source) : this(Guard.NotNull(source), owns: false)
    {
    }

    private PostgresVectorStore(NpgsqlDataSource source, bool owns)
    {
        (this.source, this.owns) = (source, owns);
        server = new(() => new PostgresServer(source) { Retries = Retries, RetryPause = RetryPause });
        Metadata = new VectorStoreMetadata
        {
            VectorStoreSystemName = SystemName,
            VectorStoreName = new NpgsqlConnectionStringBuilder(source.ConnectionString).Database,
        };
    }

    /// <summary>The schema of the tables, which must be there. Default: public.</summary>
    /// <exception cref="ArgumentException">The name is null, empty or too long.</exception>
    public string Schema { get; init => field = SqlNames.Checked(Guard.NotNull(value), "a schema"); } = "public";

    /// <summary>Makes vectors of what records and searches have instead. Default: null, they have vectors.</summary>
    public IEmbeddingGenerator? EmbeddingGenerator { get; init; }

    /// <summary>Which model, layer, size and preprocessing made the vectors. It is stored with each collection; a collection whose vectors
    /// are of another space is refused. Default: null, it is not known and not checked.</summary>
    public EmbeddingSpace? EmbeddingSpace { get; init; }

    /// <summary>Whether searches use the HNSW indexes that records ask for. Without them answers are exact. Default: yes.</summary>
    public bool UsesIndexes { get; init; } = true;

    /// <summary>How many candidates an HNSW index is asked for at least (<c>hnsw.ef_search</c>), from 1 to 1,000. More find more and take
    /// longer. Default: 100.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The number is out of range.</exception>
    public int IndexCandidates { get; init => field = (int)Guard.Within(value, 1, 1000); } = 100;

    /// <summary>Into how many parts the tables of new collections are divided, by a hash of the key. Default: 0, they are not.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The number is below 0.</exception>
    public int Partitions { get; init => field = Guard.AtLeast(value, 0); }

    /// <summary>How often a call is tried again after an error that passes by itself. Default: 3.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The number is below 0.</exception>
    public int Retries { get; init => field = Guard.AtLeast(value, 0); } = 3;

    /// <summary>The pause before the first retry; each later one is twice as long. Default: 100 ms.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is below 0.</exception>
    public TimeSpan RetryPause
    {
        get;
        init => field = value >= TimeSpan.Zero ? value
            : throw new ArgumentOutOfRangeException(nameof(RetryPause), value, $"RetryPause must be at least 0, got {value}.");
    } = TimeSpan.FromMilliseconds(100);

    internal PostgresServer Server => server.Value;

    internal CollectionList Collections => new(Schema);

    internal VectorStoreMetadata Metadata { get; }

    /// <summary>A collection by its name. It is there when <c>EnsureCollectionExistsAsync</c> has been called.</summary>
    /// <typeparam name="TKey">The type of keys.</typeparam>
    /// <typeparam name="TRecord">The type of records.</typeparam>
    /// <param name="name">The name, which is that of the table: 1 to 63 bytes in UTF-8.</param>
    /// <param name="definition">What records hold. Default: null, their attributes say it.</param>
    /// <exception cref="ArgumentException">The name is null, empty, too long or reserved; or a column's name is.</exception>
    /// <exception cref="InvalidOperationException">The attributes or the definition contradict the type.</exception>
    /// <exception cref="NotSupportedException">A property has a type, a distance function, an index or a width that the store does not
    /// have.</exception>
    [RequiresDynamicCode("The type of records is read by reflection; use GetDynamicCollection instead.")]
    [RequiresUnreferencedCode("The type of records is read by reflection; use GetDynamicCollection instead.")]
    public override PostgresCollection<TKey, TRecord> GetCollection<TKey, TRecord>(string name,
        VectorStoreCollectionDefinition? definition = null) =>
        new(Checked(name), new RecordModel<TKey, TRecord>(definition, EmbeddingGenerator), this);

    /// <summary>A collection whose records are dictionaries.</summary>
    /// <param name="name">The name, which is that of the table: 1 to 63 bytes in UTF-8.</param>
    /// <param name="definition">What records hold.</param>
    /// <exception cref="ArgumentException">The name is null, empty, too long or reserved; or the definition is null.</exception>
    /// <exception cref="NotSupportedException">A property has a type, a distance function, an index or a width that the store does not
    /// have.</exception>
    public override PostgresCollection<object, Dictionary<string, object?>> GetDynamicCollection(string name,
        VectorStoreCollectionDefinition definition)
    {
        ArgumentNullException.ThrowIfNull(definition);
        return new(Checked(name), new RecordModel<object, Dictionary<string, object?>>(definition, EmbeddingGenerator), this);
    }

    /// <inheritdoc/>
    public override async IAsyncEnumerable<string> ListCollectionNamesAsync(
        [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        foreach (var name in await NamesAsync("list", cancellationToken).ConfigureAwait(false)) yield return name;
    }

    /// <inheritdoc/>
    public override async Task<bool> CollectionExistsAsync(string name, CancellationToken cancellationToken = default) =>
        (await NamesAsync("exists", cancellationToken).ConfigureAwait(false)).Contains(Checked(name), StringComparer.Ordinal);

    /// <inheritdoc/>
    public override async Task EnsureCollectionDeletedAsync(string name, CancellationToken cancellationToken = default)
    {
        Checked(name);
        if (!await CollectionExistsAsync(name, cancellationToken).ConfigureAwait(false)) return;
        await Server.UseAsync("delete", async connection =>
        {
            var transaction = await connection.BeginTransactionAsync(cancellationToken).ConfigureAwait(false);
            await using var ending = transaction.ConfigureAwait(false);
            var batch = new NpgsqlBatch(connection, transaction)
            {
                BatchCommands = { new(CollectionList.Lock), Collections.Remove(name), new($"DROP TABLE IF EXISTS {Collections.Of(name)}") },
            };
            await using var disposing = batch.ConfigureAwait(false);
            await batch.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
            await transaction.CommitAsync(cancellationToken).ConfigureAwait(false);
            return true;
        }, cancellationToken).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public override object? GetService(Type serviceType, object? serviceKey = null)
    {
        ArgumentNullException.ThrowIfNull(serviceType);
        return serviceKey is not null ? null : serviceType == typeof(VectorStoreMetadata) ? Metadata
            : serviceType == typeof(NpgsqlDataSource) ? source : serviceType.IsInstanceOfType(this) ? this : null;
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing && owns) source.Dispose();
        base.Dispose(disposing);
    }

    private Task<List<string>> NamesAsync(string operation, CancellationToken cancellationToken) =>
        Server.UseAsync(operation, async connection =>
        {
            var names = new List<string>();
            var command = new NpgsqlCommand($"SELECT name FROM {Collections.Table} ORDER BY name", connection);
            await using var disposing = command.ConfigureAwait(false);
            try
            {
                var reader = await command.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
                await using var closing = reader.ConfigureAwait(false);
                while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false)) names.Add(reader.GetString(0));
            }
            catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.UndefinedTable)
            {
                // No collection was ever made in this schema.
            }
            return names;
        }, cancellationToken);

    private static string Checked(string name)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(name);
        return name != CollectionList.Name ? SqlNames.Checked(name, "a collection")
            : throw new ArgumentException($"name must not be '{name}', which is the table of collections.", nameof(name));
    }

    private static NpgsqlDataSource Source(string connectionString)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(connectionString);
        return NpgsqlDataSource.Create(connectionString);
    }
}
