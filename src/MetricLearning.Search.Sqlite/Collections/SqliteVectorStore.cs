using Microsoft.Extensions.VectorData;

namespace MetricLearning.Search;

/// <summary>A vector store in one SQLite file. Its collections are searched exactly.</summary>
/// <remarks>
/// <para><see cref="ExactCollection{TKey, TRecord}"/> describes the collections. Records and float32 vectors are stored only in the
/// database. Each call that writes is one transaction, which is flushed to the disk before the call returns. If the process is killed or
/// the machine stops, all records of calls that have returned are kept, and an interrupted call leaves nothing behind.</para>
/// <para>Files of packed rows (<c>NAME.rows-…</c>) lie next to the database, one for each vector property with enough rows. A search maps
/// them into memory, finds in them the few rows that may be among the nearest, and reads the vectors of those rows from the database. The
/// files hold nothing that the database lacks. The first search after rows were added packs these rows. It also rebuilds a file that is
/// missing, damaged, or does not match the database. Each block is compared with a checksum in the database before it is first read. You
/// may delete such a file while no process has it open, but nobody may truncate it while a process has it open.</para>
/// <para>Filters over packed rows do not read records. The database keeps the values of each block of rows by property, and a filter is
/// called once for each combination of values. Values that take more than 128 bytes a record are not kept; filters on these read the
/// records.</para>
/// <para>Memory: a few megabytes, some rows that are not packed yet, up to 100,000 records that were read, and for each property that
/// filters use 4 bytes a row and up to 65,536 different values. If a property has more different values, each search reads them from the
/// database.</para>
/// <para>Processes: one process writes at a time, and others wait up to a minute for it. Any number of processes read meanwhile. Each call
/// sees all changes that were made before it. The file must be on a local disk, because SQLite's locks do not work on most network
/// drives.</para>
/// <para>Dispose all stores of a file before you delete, move or replace it. If the file is deleted or replaced while a store has it open,
/// every call throws. A file that is overwritten in place is not noticed.</para>
/// <para>Read-only: if the program cannot write to the folder, the file is opened for reading alone, as a file that nobody changes. All
/// stores that wrote to it must be closed, so that it has all records. Writing throws.</para>
/// <para>A disposed store and its collections throw an <see cref="ObjectDisposedException"/>; other stores of the same file stay
/// open.</para>
/// <para>First search: .NET compiles the methods of a search when they are first called. The first store of a process begins this on
/// another thread, so that it is done while the file is opened.</para>
/// <para>Thread safety: any number of threads may call it at once.</para>
/// </remarks>
/// <example><code>
/// using var store = new SqliteVectorStore("gallery.db") { EmbeddingSpace = space };
/// var products = store.GetCollection&lt;string, Product&gt;("products");
/// await products.EnsureCollectionExistsAsync();
/// await products.UpsertAsync(records);
/// </code></example>
public sealed class SqliteVectorStore : ExactVectorStore
{
    /// <summary>The name of the kind of store in metadata.</summary>
    public const string SystemName = Database.SystemName;

    private static readonly string[] sources = ["Data Source=", "DataSource=", "Filename="];

    /// <summary>Opens a file, or creates it if it does not exist.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="ArgumentException">The path is null, empty, blank, <c>:memory:</c> or a connection string.</exception>
    /// <exception cref="VectorStoreException">The file cannot be opened, is not such a store, or was written by a newer version. The
    /// message names it.</exception>
    public SqliteVectorStore(string path) : base(SystemName, path)
    {
        Path = CheckedPath(path);
        ScanCompilation.Begin();
        Database = new Database(path);
        Files = new PackedFiles(Database);
    }

    /// <summary>The file.</summary>
    public string Path { get; }

    /// <summary>The model, layer, size and preprocessing that made the vectors. It is stored with each collection, and a collection with
    /// vectors of another space is refused. A collection that was filled without a space takes the space of the first program that has one:
    /// this program vouches that the vectors in the collection belong to its space. Records need a vector of the space's <c>Dimension</c>,
    /// and if it says <c>Normalized</c>, vectors must have length 1. Default: null, not known and not checked.</summary>
    public EmbeddingSpace? EmbeddingSpace { get; init; }

    private protected override EmbeddingSpace? Space => EmbeddingSpace;

    internal Database Database { get; }

    internal PackedFiles Files { get; }

    /// <inheritdoc/>
    public override IAsyncEnumerable<string> ListCollectionNamesAsync(CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        return AsyncNames.Of(Database.Use("list", opened =>
        {
            using var command = Database.Command(opened, "SELECT name FROM collections ORDER BY name");
            using var reader = command.ExecuteReader();
            var names = new List<string>();
            while (reader.Read()) names.Add(reader.GetString(0));
            return names;
        }));
    }

    /// <inheritdoc/>
    public override Task<bool> CollectionExistsAsync(string name, CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        Checked(name);
        return Task.FromResult(Database.Use("exists", opened => CollectionEntry.Find(opened, name) is not null));
    }

    /// <inheritdoc/>
    public override Task EnsureCollectionDeletedAsync(string name, CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        Checked(name);
        var deleted = Database.Use("delete", opened =>
        {
            using var transaction = opened.BeginTransaction(deferred: false);
            var entry = CollectionEntry.Find(opened, name);
            if (entry is not null)
            {
                RecordTables.Drop(opened, entry.Id);
                Database.Execute(opened, "DELETE FROM collections WHERE name = $0", name);
            }
            transaction.Commit();
            return entry;
        });
        if (deleted is not null) Files.Delete(deleted.Id);
        return Task.CompletedTask;
    }

    /// <summary>Refuses a path that is not that of a file. SQLite would make a file of that name of a connection string.</summary>
    internal static string CheckedPath(string path)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(path);
        if (path is ":memory:") throw new ArgumentException(
            "path must name a file, got ':memory:'. MemoryVectorStore keeps its collections in memory.", nameof(path));
        if (Array.Find(sources, word => path.StartsWith(word, StringComparison.OrdinalIgnoreCase)) is { } source)
            throw new ArgumentException($"path must name a file, got the connection string '{path}'. Give only what stands behind "
                + $"'{source}'.", nameof(path));
        return path;
    }

    internal override ExactCollection<TKey, TRecord> Collection<TKey, TRecord>(string name, RecordModel<TKey, TRecord> model) =>
        new SqliteCollection<TKey, TRecord>(name, model, this);

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        base.Dispose(disposing);
        if (disposing) Database.Close();
    }
}
