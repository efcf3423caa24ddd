using Microsoft.Data.Sqlite;

namespace MetricLearning.Search;

/// <summary>The records of a collection in one read transaction.</summary>
internal sealed class StoredView<TKey, TRecord> : RecordView<TKey, TRecord> where TKey : notnull where TRecord : class
{
    private readonly StoredCollection<TKey, TRecord> collection;
    private readonly Database database;
    private readonly RecordModel<TKey, TRecord> model;
    private readonly SqliteConnection opened;
    private SqliteTransaction transaction;

    private StoredView(StoredCollection<TKey, TRecord> collection, SqliteConnection opened)
    {
        (this.collection, database, model) = (collection, collection.Store.Database, collection.Model);
        (this.opened, transaction) = (opened, opened.BeginTransaction(deferred: true));
    }

    private CollectionEntry? Entry { get; set; }

    /// <summary>Opens a view of the current state; null if the collection does not exist.</summary>
    public static StoredView<TKey, TRecord>? Of(StoredCollection<TKey, TRecord> collection) =>
        collection.Store.Database.Try("open", () =>
        {
            var opened = collection.Store.Database.Open();
            StoredView<TKey, TRecord>? view = null;
            try
            {
                view = new StoredView<TKey, TRecord>(collection, opened);
                view.Entry = collection.Find(opened);
                if (view.Entry is null) view.Dispose();
                return view.Entry is null ? null : view;
            }
            catch
            {
                view?.Dispose();
                opened.Dispose();
                throw;
            }
        });

    public override TRecord? Find(TKey key, bool withVectors) => database.Try("get", () => Read(key, values: null, withVectors));

    public override IEnumerable<KeyValuePair<TKey, TRecord>> All()
    {
        var rows = Rows();
        using var command = rows.All(opened);
        using var reader = database.Try("get", command.ExecuteReader);
        while (database.Try("get", reader.Read))
        {
            var key = rows.Key(reader);
            yield return new(key, rows.Values(key, reader));
        }
    }

    public override TRecord Shown(TKey key, TRecord values, bool withVectors) =>
        withVectors ? database.Try("get", () => Read(key, values, withVectors)!) : model.Copy(values);

    public override FoundRow<TKey, TRecord>[][] Search(int vector, IReadOnlyList<ReadOnlyMemory<float>> queries, string name, int k,
        RecordCondition<TRecord>? condition, CancellationToken cancellationToken)
    {
        var (shape, packed) = (model.Shapes[vector], collection.Packed[vector]);
        for (var i = 0; i < queries.Count; i++)
            if (VectorFault.Of(shape, queries[i].Span) is { } fault) throw fault.In(name, $"query {i}");
        return database.Try("search", () =>
        {
            while (true)
            {
                cancellationToken.ThrowIfCancellationRequested();
                try
                {
                    if (packed.Find(opened, Entry!) is { } state) return Search(state, vector, queries, k, condition, cancellationToken);
                }
                catch (DamagedFileException e)
                {
                    packed.Damaged(e.File);
                }
                transaction.Dispose();
                packed.Prepare();
                transaction = opened.BeginTransaction(deferred: true);
                Entry = collection.Find(opened) ?? throw collection.Missing();
            }
        });
    }

    public override void Dispose()
    {
        transaction.Dispose();
        opened.Dispose();
        base.Dispose();
    }

    private FoundRow<TKey, TRecord>[][] Search(PackedState state, int vector, IReadOnlyList<ReadOnlyMemory<float>> queries, int k,
        RecordCondition<TRecord>? condition, CancellationToken cancellationToken)
    {
        var shape = model.Shapes[vector];
        using var reader = new RowReader<TKey, TRecord>(opened, state, shape, vector, Rows(), collection.Cache);
        var file = state.File is null ? null : new FileRows<TKey, TRecord>(shape, state, reader);
        var inFile = file is null ? null : Found(file, file.Id, condition is null ? null
            : collection.Filters[vector].Kept(opened, state, condition, block =>
                reader.Kept(file, file.Id, block * shape.ChunkRows, (block + 1) * shape.ChunkRows, condition.Keeps)));
        var inMemory = Found(state.Tail, state.TailId, condition is null ? null
            : [.. reader.Kept(state.Tail, state.TailId, 0, state.Tail.Count, condition.Keeps)]);
        return [.. Enumerable.Range(0, queries.Count).Select(query =>
            (inFile is null ? inMemory[query] : inFile[query].Concat(inMemory[query]).OrderByDescending(row => row.Score)
                .ThenBy(row => row.Key, KeyOrder<TKey>.Default!).Take(k)).ToArray())];

        FoundRow<TKey, TRecord>[][] Found(ScanRows rows, Func<int, long> id, int[]? kept)
        {
            var rules = new StoredRules<TKey, TRecord>(id, reader, kept);
            var threads = collection.Store.Threads;
            // The reader serves one thread at a time, so records are read afterwards.
            var nearest = Scan.Run(rows, new QuerySet(shape, rows.Center, queries, threads), k, rules, item => item, threads,
                cancellationToken);
            return Array.ConvertAll(nearest, list => Array.ConvertAll(list, item =>
            {
                var (key, values) = reader.Record(id(item.Row));
                return new FoundRow<TKey, TRecord>(key, values, item.Score);
            }));
        }
    }

    /// <summary>Reads the record of a key.</summary>
    /// <param name="key">The key.</param>
    /// <param name="values">Its values, if they are known.</param>
    /// <param name="withVectors">Whether it gets its vectors.</param>
    private TRecord? Read(TKey key, TRecord? values, bool withVectors)
    {
        var rows = Rows();
        using var command = rows.ByKey(opened);
        command.Parameters[0].Value = StoredKey.Of(key);
        using var reader = command.ExecuteReader();
        if (!reader.Read()) return null;
        var record = values is null ? rows.Values(key, reader) : model.Copy(values);
        for (var i = 0; withVectors && i < model.Vectors.Length; i++)
            model.SetVector(record, i, reader.IsDBNull(2 + i) ? (ReadOnlyMemory<float>?)null
                : VectorRows.Floats(reader.GetFieldValue<byte[]>(2 + i)));
        return record;
    }

    private RecordRows<TKey, TRecord> Rows() => new(model, Entry!.Id);
}
