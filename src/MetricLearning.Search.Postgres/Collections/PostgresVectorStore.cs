using System.Diagnostics.CodeAnalysis;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.VectorData;
using Npgsql;

namespace MetricLearning.Search;

/// <summary>A vector store in a PostgreSQL database with pgvector. Each collection is a table.</summary>
/// <remarks>
/// <para><see cref="PostgresCollection{TKey, TRecord}"/> describes the collections. The server must have pgvector 0.8 or newer. The store
/// loads it into the database (<c>CREATE EXTENSION vector</c>) if needed; the database user must then have the right to do so.</para>
/// <para>A call is retried up to <see cref="Retries"/> times if the server cannot be reached, is starting, or aborts the transaction. A
/// retried write may come after the write of another program.</para>
/// <para>A disposed store and its collections throw an <see cref="ObjectDisposedException"/>.</para>
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

    /// <summary>Makes a store for a database. The first call connects to it.</summary>
    /// <param name="connectionString">The connection string, as Npgsql reads it.</param>
    /// <exception cref="ArgumentException">The text is null, empty or not a connection string.</exception>
    public PostgresVectorStore(string connectionString) : this(Source(connectionString), owns: true)
    {
    }

    /// <summary>Makes a store that uses the connections of a source. The caller still owns the source.</summary>
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

    /// <summary>The schema of the tables. The schema must exist. Default: public.</summary>
    /// <exception cref="ArgumentException">The name is null, empty or too long.</exception>
    public string Schema { get; init => field = SqlNames.Checked(Guard.NotNull(value), "a schema", nameof(Schema)); } = "public";

    /// <summary>Makes vectors if records and searches have other inputs, such as images or texts, in place of vectors. Default: null; then
    /// they must have vectors.</summary>
    public IEmbeddingGenerator? EmbeddingGenerator { get; init; }

    /// <summary>The model, layer, size and preprocessing that made the vectors. It is stored with each collection, and a collection with
    /// vectors of another space is refused. A collection that was filled without a space takes the space of the first program that has one:
    /// this program vouches that the vectors in the collection belong to its space. Records need a vector of the space's <c>Dimension</c>,
    /// and if it says <c>Normalized</c>, vectors must have length 1. Default: null, not known and not checked.</summary>
    public EmbeddingSpace? EmbeddingSpace { get; init; }

    /// <summary>The vectors that this program's model gives for a few fixed inputs. They are stored with each collection, and a collection
    /// that another model has filled is refused. Default: null, nothing is stored and nothing is checked.</summary>
    public GalleryCanaries? Canaries { get; init; }

    /// <summary>Whether searches use the HNSW indexes of the record definitions. Without them answers are exact. Default: true.</summary>
    public bool UsesIndexes { get; init; } = true;

    /// <summary>The smallest number of candidates to ask an HNSW index for (<c>hnsw.ef_search</c>), from 1 to 1,000. A larger number raises
    /// the recall and takes longer. Default: 100.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The number is out of range.</exception>
    public int IndexCandidates { get; init => field = (int)Guard.Within(value, 1, 1000); } = 100;

    /// <summary>The number of parts into which the tables of new collections are divided, by a hash of the key, from 0 to 10,000. Default:
    /// 0, tables are not divided.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The number is out of range.</exception>
    public int Partitions { get; init => field = (int)Guard.Within(value, 0, 10_000); }

    /// <summary>The number of times that a call is retried after a transient error. Default: 3.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The number is below 0.</exception>
    public int Retries { get; init => field = Guard.AtLeast(value, 0); } = 3;

    /// <summary>The pause before the first retry, from 0 to one day. Each later one is twice as long, up to a minute; a longer pause stays
    /// as long as it is. Default: 100 ms.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is out of range.</exception>
    public TimeSpan RetryPause
    {
        get;
        init => field = value >= TimeSpan.Zero && value <= TimeSpan.FromDays(1) ? value
            : throw new ArgumentOutOfRangeException(nameof(RetryPause), value, $"RetryPause must be from 0 to one day, got {value}.");
    } = TimeSpan.FromMilliseconds(100);

    internal PostgresServer Server => server.Value;

    internal CollectionList Collections => new(Schema);

    internal VectorStoreMetadata Metadata { get; }

    /// <summary>Gets a collection by its name. Call <c>EnsureCollectionExistsAsync</c> on it to create it.</summary>
    /// <typeparam name="TKey">The type of keys.</typeparam>
    /// <typeparam name="TRecord">The type of records.</typeparam>
    /// <param name="name">The name, which is that of the table: 1 to 63 bytes in UTF-8.</param>
    /// <param name="definition">The properties of records. Default: null, taken from the attributes of the type.</param>
    /// <exception cref="ArgumentException">The name is null, blank, too long or reserved; the name of a column is too long or occurs
    /// twice; or no vector has as many dimensions as <see cref="EmbeddingSpace"/>.</exception>
    /// <exception cref="ObjectDisposedException">The store is disposed.</exception>
    /// <exception cref="InvalidOperationException">The attributes or the definition contradict the type.</exception>
    /// <exception cref="NotSupportedException">A property has a type, a distance function, an index or a width that the store does not
    /// have.</exception>
    [RequiresDynamicCode("The type of records is read by reflection; use GetDynamicCollection instead.")]
    [RequiresUnreferencedCode("The type of records is read by reflection; use GetDynamicCollection instead.")]
    public override PostgresCollection<TKey, TRecord> GetCollection<TKey, TRecord>(string name,
        VectorStoreCollectionDefinition? definition = null) =>
        new(Checked(name), new RecordModel<TKey, TRecord>(definition, EmbeddingGenerator, EmbeddingSpace), this);

    /// <summary>Gets a collection whose records are dictionaries.</summary>
    /// <param name="name">The name, which is that of the table: 1 to 63 bytes in UTF-8.</param>
    /// <param name="definition">The properties of records.</param>
    /// <exception cref="ArgumentException">The name is null, blank, too long or reserved; the definition is null; the name of a column is
    /// too long or occurs twice; or no vector has as many dimensions as <see cref="EmbeddingSpace"/>.</exception>
    /// <exception cref="ObjectDisposedException">The store is disposed.</exception>
    /// <exception cref="NotSupportedException">A property has a type, a distance function, an index or a width that the store does not
    /// have.</exception>
    public override PostgresCollection<object, Dictionary<string, object?>> GetDynamicCollection(string name,
        VectorStoreCollectionDefinition definition)
    {
        ArgumentNullException.ThrowIfNull(definition);
        return new(Checked(name),
            RecordModel<object, Dictionary<string, object?>>.Dynamic(definition, EmbeddingGenerator, EmbeddingSpace), this);
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
            // If the wait for the answer were canceled, nobody would know whether the server has committed.
            await transaction.CommitAsync(CancellationToken.None).ConfigureAwait(false);
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
        if (disposing) Server.Close(this);
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
                // No collection was ever created in this schema.
            }
            return names;
        }, cancellationToken);

    private string Checked(string name)
    {
        Server.RequireOpen();
        ArgumentException.ThrowIfNullOrWhiteSpace(name);
        return name != CollectionList.Name ? SqlNames.Checked(name, "a collection")
            : throw new ArgumentException($"name must not be '{name}', which is the table of collections.", nameof(name));
    }

    /// <summary>Refuses a text that is not a connection string. The message does not have the text, because passwords are in it.</summary>
    /// <exception cref="ArgumentException">The text is null, empty or not a connection string.</exception>
    internal static NpgsqlDataSource Source(string connectionString)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(connectionString);
        try
        {
            return NpgsqlDataSource.Create(connectionString);
        }
        catch (ArgumentException e)
        {
            var said = e.Message.Replace($" (Parameter '{e.ParamName}')", "", StringComparison.Ordinal).TrimEnd('.');
            var why = e is ArgumentNullException ? $"{e.ParamName} is missing." : e.InnerException switch
            {
                KeyNotFoundException => $"{said}, because there is no such setting.",
                { } inner => $"{said}. {inner.Message}",
                null => $"{said}.",
            };
            throw new ArgumentException("connectionString must be a connection string of PostgreSQL, such as "
                + $"'Host=localhost;Database=gallery;Username=me;Password=mine'. {why}", nameof(connectionString), e);
        }
    }
}
