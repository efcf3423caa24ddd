using Microsoft.Extensions.VectorData;

namespace MetricLearning.Search;

/// <summary>A collection of a database, and its records in memory, which catch up with the database before each use.</summary>
/// <remarks>Thread safety: any number of threads may call it at once, and any number of processes may have it.</remarks>
internal sealed class LoadedCollection<TKey, TRecord> where TKey : notnull where TRecord : class
{
    /// <summary>Records are read in parts of so many, so that a large collection is not held twice.</summary>
    private const int Part = 4096;

    private readonly object gate = new();
    private readonly string name, schema;
    private readonly RecordModel<TKey, TRecord> model;
    private readonly SqliteVectorStore store;
    private CollectionEntry? seen;
    private RecordRows<TKey, TRecord> rows;
    private RecordTable<TKey, TRecord> table;

    /// <param name="name">The name of the collection.</param>
    /// <param name="model">The type of records.</param>
    /// <param name="store">The store.</param>
    public LoadedCollection(string name, RecordModel<TKey, TRecord> model, SqliteVectorStore store)
    {
        (this.name, this.model, this.store) = (name, model, store);
        schema = string.Join("; ", model.Values.Select(property => $"{property.StorageName} {property.Type.Name}")
            .Order(StringComparer.Ordinal).Concat(model.Vectors.Zip(model.Distances,
                (property, distance) => $"{property.StorageName} vector {property.Dimensions} {distance.Metric}")));
        (rows, table) = (new RecordRows<TKey, TRecord>(model, 0), new RecordTable<TKey, TRecord>(model, store.Threads));
    }

    /// <summary>Makes the collection where it is not there.</summary>
    public void Ensure() => store.Database.Use(nameof(Ensure), opened =>
    {
        using var transaction = opened.BeginTransaction(deferred: false);
        if (CollectionEntry.Find(opened, name) is { } there)
        {
            Check(there);
            if (Agreed(there.Space) is var agreed && agreed != there.Space)
                Database.Execute(opened, "UPDATE collections SET space = $0 WHERE name = $1", agreed, name);
        }
        else
            new RecordRows<TKey, TRecord>(model, CollectionEntry.Add(opened, name, schema, Agreed("")).Id).Create(opened);
        transaction.Commit();
        return true;
    });

    /// <summary>The records as the database has them now; null where the collection does not exist.</summary>
    public RecordTable<TKey, TRecord>? Table() => store.Database.Use(nameof(Table), opened =>
    {
        if (CollectionEntry.Find(opened, name) is not { } entry) return null;
        lock (gate)
        {
            if (seen is not null && (seen.Id, seen.Changes) == (entry.Id, entry.Changes)) return table;
            // One transaction reads the entry and the rows, so that they belong together.
            using var transaction = opened.BeginTransaction(deferred: true);
            if (CollectionEntry.Find(opened, name) is not { } now) return null;
            Check(now);
            if (seen?.Id != now.Id)
            {
                (rows, table) = (new RecordRows<TKey, TRecord>(model, now.Id), new RecordTable<TKey, TRecord>(model, store.Threads));
                seen = null;
            }
            var after = seen?.Changes ?? 0;
            if (now.Changes > after)
            {
                table.Remove(rows.Removed(opened, after));
                // A collection that is read for the first time has no readers yet who could see a part of it.
                foreach (var part in rows.Written(opened, after).Chunk(after == 0 ? Part : int.MaxValue)) table.Write(part);
            }
            seen = now;
            return table;
        }
    });

    /// <summary>Writes records in one transaction.</summary>
    public void Write(IReadOnlyList<StoredRecord<TKey, TRecord>> records) =>
        Change((opened, there, change) => there.Write(opened, records, change));

    /// <summary>Removes records in one transaction.</summary>
    public void Remove(IReadOnlyCollection<TKey> keys) => Change((opened, there, change) => there.Remove(opened, keys, change));

    private void Change(Action<Microsoft.Data.Sqlite.SqliteConnection, RecordRows<TKey, TRecord>, long> act)
    {
        store.Database.Use(nameof(Change), opened =>
        {
            using var transaction = opened.BeginTransaction(deferred: false);
            var entry = CollectionEntry.Find(opened, name) ?? throw new VectorStoreException($"The collection '{name}' does not exist.");
            Check(entry);
            Database.Execute(opened, "UPDATE collections SET changes = $0 WHERE name = $1", entry.Changes + 1, name);
            act(opened, new RecordRows<TKey, TRecord>(model, entry.Id), entry.Changes + 1);
            transaction.Commit();
            return true;
        });
    }

    private void Check(CollectionEntry entry)
    {
        if (entry.Schema != schema)
            throw new VectorStoreException($"The collection '{name}' holds records of [{entry.Schema}], and this program's are [{schema}]; "
                + "use the record type that wrote it, or another name.") { CollectionName = name };
        Agreed(entry.Space);
    }

    /// <summary>What the database and the program know of the embedding space together, as JSON.</summary>
    private string Agreed(string stored)
    {
        if (store.EmbeddingSpace is not { } own) return stored;
        if (stored.Length == 0) return own.ToJson();
        var there = EmbeddingSpace.Parse(stored);
        return own.Conflicts(there, "in this program", "in the collection") is not { } conflicts ? own.Agree(there).ToJson()
            : throw new VectorStoreException($"The collection '{name}' has vectors of another embedding space: {conflicts}. "
                + "Embed the records again under another name.") { CollectionName = name };
    }
}
