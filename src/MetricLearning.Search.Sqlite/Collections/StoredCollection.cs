using Microsoft.Data.Sqlite;
using Microsoft.Extensions.VectorData;

namespace MetricLearning.Search;

/// <summary>A collection of a database.</summary>
/// <remarks>Thread safety: any number of threads may call it at once, and any number of processes may have it open.</remarks>
internal sealed class StoredCollection<TKey, TRecord> where TKey : notnull where TRecord : class
{
    private readonly string name;
    private long compared;

    /// <param name="name">The name of the collection.</param>
    /// <param name="model">The type of records.</param>
    /// <param name="store">The store.</param>
    public StoredCollection(string name, RecordModel<TKey, TRecord> model, SqliteVectorStore store)
    {
        (this.name, Model, Store) = (name, model, store);
        Filters = [.. model.Shapes.Select(shape => new FilterColumns<TKey, TRecord>(model, shape.ChunkRows))];
        Packed = [.. model.Shapes.Select((shape, i) => new PackedVectors(shape, i, store.Files, store.Threads))];
    }

    /// <summary>The store.</summary>
    public SqliteVectorStore Store { get; }

    /// <summary>The type of records.</summary>
    public RecordModel<TKey, TRecord> Model { get; }

    /// <summary>The packed rows of each vector property.</summary>
    public PackedVectors[] Packed { get; }

    /// <summary>The filters over the packed rows of each vector property.</summary>
    public FilterColumns<TKey, TRecord>[] Filters { get; }

    /// <summary>The records that were read recently.</summary>
    public RecordCache<TKey, TRecord> Cache { get; } = new();

    /// <summary>Creates the collection if it does not exist.</summary>
    public void Ensure() => Store.Database.Use(nameof(Ensure), opened =>
    {
        using var transaction = opened.BeginTransaction(deferred: false);
        var there = Find(opened);
        if (there is null)
        {
            there = CollectionEntry.Add(opened, name, Model.Schema, Agreed(""));
            new RecordRows<TKey, TRecord>(Model, there.Id).Create(opened);
        }
        else if (Agreed(there.Space) is var agreed && agreed != there.Space)
            Database.Execute(opened, "UPDATE collections SET space = $0 WHERE name = $1", agreed, name);
        if (Store.Canaries is { } own && !there.HasCanaries) CanaryEntry.Add(opened, there.Id, own.ToJson());
        transaction.Commit();
        return true;
    });

    /// <summary>The canaries of the collection; null if it has none.</summary>
    public GalleryCanaries? Canaries() => Store.Database.Use("get", opened =>
        Find(opened) is { } entry && CanaryEntry.Find(opened, entry.Id) is { } stored ? StoredCanaries.Read(stored, name) : null);

    /// <summary>The records as the database has them now; null if the collection does not exist.</summary>
    public StoredView<TKey, TRecord>? View() => StoredView<TKey, TRecord>.Of(this);

    /// <summary>Finds the entry of the collection and checks it; null if it does not exist.</summary>
    public CollectionEntry? Find(SqliteConnection opened)
    {
        var entry = CollectionEntry.Find(opened, name);
        if (entry is not null) Check(opened, entry);
        return entry;
    }

    /// <summary>Writes records in one transaction.</summary>
    public void Write(IReadOnlyList<StoredRecord<TKey, TRecord>> records) => Change((opened, there, space) =>
    {
        Model.CheckLengths(records, space);
        there.Write(opened, records);
    });

    /// <summary>Removes records in one transaction.</summary>
    public void Remove(IReadOnlyCollection<TKey> keys) => 
        Change((opened, there, _) => there.Remove(opened, keys));

    /// <summary>Makes the exception for a collection that does not exist.</summary>
    public VectorStoreException Missing() => new($"The collection '{name}' does not exist.") { CollectionName = name };

    private void Change(Action<SqliteConnection, RecordRows<TKey, TRecord>, string> act)
    {
        Store.Database.Use(nameof(Change), opened =>
        {
            using var transaction = opened.BeginTransaction(deferred: false);
            var entry = Find(opened) ?? throw Missing();
            Database.Execute(opened, "UPDATE collections SET changes = $0 WHERE name = $1", entry.Changes + 1, name);
            act(opened, new RecordRows<TKey, TRecord>(Model, entry.Id), Agreed(entry.Space));
            transaction.Commit();
            return true;
        });
    }

    private void Check(SqliteConnection opened, CollectionEntry entry)
    {
        Model.CheckSchema(entry.Schema, name);
        Agreed(entry.Space);
        // The canaries of a collection never change, so one comparison is enough.
        if (Store.Canaries is not { } own || !entry.HasCanaries || Volatile.Read(ref compared) == entry.Id) return;
        StoredCanaries.Check(own, CanaryEntry.Find(opened, entry.Id)!, name);
        Volatile.Write(ref compared, entry.Id);
    }

    /// <summary>Combines what the database and the program know about the embedding space, as JSON.</summary>
    private string Agreed(string stored) => StoredSpace.Agreed(Store.EmbeddingSpace, stored, name);
}
