using Microsoft.Extensions.VectorData;

namespace MetricLearning.Search;

/// <summary>Collections in one SQLite file that are searched exactly.</summary>
/// <remarks>
/// <para>What the collections do is written on <see cref="ExactCollection{TKey, TRecord}"/>. Records and float32 vectors are in the
/// database alone. Each call that writes is one transaction, flushed to the disk before it returns: a process that is killed, or a machine
/// that stops, loses no record of a call that has returned, and leaves no part of one that has not.</para>
/// <para>Beside the database are files of packed rows (<c>NAME.rows-…</c>), one for each vector property with enough rows. A search maps
/// them into memory, reads from them which rows may be among the nearest, and takes the vectors of those few from the database. They hold
/// nothing that the database lacks: the first search after rows were added packs these, and makes a file anew that is absent, damaged, or
/// of another state of the database. Its blocks are compared with checksums in the database before they are first read. Such a file may be
/// deleted while no process has it open, and must not be shortened while one has.</para>
/// <para>Memory: a few megabytes, some rows that are not packed yet, and up to 100,000 records that were shown or filtered.</para>
/// <para>Processes: one writes at a time, and others wait for it for up to a minute; any number read meanwhile, and each call sees all
/// changes that were made before it. The file must be on a disk of the machine, because SQLite's locks do not work on most network
/// drives.</para>
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

    /// <summary>Opens a file, or makes it.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="ArgumentException">The path is null or empty.</exception>
    /// <exception cref="VectorStoreException">The file cannot be opened, is something else, or was written by a newer version; the message
    /// names it.</exception>
    public SqliteVectorStore(string path) : base(SystemName, path)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(path);
        (Path, Database) = (path, new Database(path));
        Files = new PackedFiles(Database);
    }

    /// <summary>The file.</summary>
    public string Path { get; }

    /// <summary>Which model, layer, size and preprocessing made the vectors. It is stored with each collection; a collection whose vectors
    /// are of another space is refused. Default: null, it is not known and not checked.</summary>
    public EmbeddingSpace? EmbeddingSpace { get; init; }

    internal Database Database { get; }

    internal PackedFiles Files { get; }

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

    internal override ExactCollection<TKey, TRecord> Collection<TKey, TRecord>(string name, RecordModel<TKey, TRecord> model) =>
        new SqliteCollection<TKey, TRecord>(name, model, this);

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing) Database.Close();
        base.Dispose(disposing);
    }
}
