namespace MetricLearning.Search;

/// <summary>A row to be written to a <see cref="RowTable{TKey, TData}"/>.</summary>
internal readonly record struct NewRow<TKey, TData>(TKey Key, ReadOnlyMemory<float> Vector, TData Data);

/// <summary>Says which rows a search may return.</summary>
/// <param name="Keys">The only keys; null for all.</param>
/// <param name="Keeps">A condition on a row.</param>
/// <param name="KeepsPair">A condition on the number of a query and a row.</param>
internal readonly record struct RowConditions<TKey, TData>(IReadOnlySet<TKey>? Keys, Func<TKey, TData, bool>? Keeps,
    Func<int, TKey, TData, bool>? KeepsPair = null);

/// <summary>A table of rows by key, each with the caller's data, that is searched exactly.</summary>
/// <remarks>
/// <para>Writers take turns. A reader takes the newest <see cref="Snapshot"/> and uses it until it is done. It waits for a writer only
/// briefly, while it looks up keys.</para>
/// <para>A call that throws has changed nothing. New rows are written after the rows that snapshots count. They become visible with the
/// next snapshot, which is published last.</para>
/// </remarks>
internal sealed class RowTable<TKey, TData> where TKey : notnull
{
    /// <summary>The keys of a filter are looked up one by one if there is less than one for this many rows.</summary>
    private const int FewKeys = 8;

    private readonly object gate = new();
    private readonly IComparer<TKey> order;
    private readonly int threads;
    private Dictionary<TKey, int> places = [];
    private volatile Snapshot snapshot;

    /// <param name="shape">The layout of rows in memory.</param>
    /// <param name="order">The order of keys with equal scores.</param>
    /// <param name="threads">The largest number of threads.</param>
    public RowTable(RowShape shape, IComparer<TKey> order, int threads)
    {
        (Shape, this.order, this.threads) = (shape, order, threads);
        snapshot = new Snapshot(new RowSet(shape), []);
    }

    public RowShape Shape { get; }

    /// <summary>The number of rows.</summary>
    public int Count
    {
        get
        {
            var rows = snapshot.Rows;       // read once: a writer may publish another snapshot between two reads
            return rows.Count - rows.Dead;
        }
    }

    /// <summary>The keys and data of the rows at this moment, in the order in which they were written.</summary>
    public IEnumerable<(TKey Key, TData Data)> All()
    {
        var now = snapshot;
        for (var row = 0; row < now.Rows.Count; row++)
            if (now.Rows.IsAlive(row)) yield return now.Entry(row);
    }

    /// <summary>Gets the data of a key and a copy of its vector, if the table has the key.</summary>
    public bool TryGet(TKey key, out TData data, out float[] vector)
    {
        Snapshot now;
        int row;
        lock (gate)
        {
            if (!places.TryGetValue(key, out row))
            {
                (data, vector) = (default!, []);
                return false;
            }
            now = snapshot;
        }
        (data, vector) = (now.Entry(row).Data, now.Rows.Copy(row));
        return true;
    }

    public bool Contains(TKey key)
    {
        lock (gate) return places.ContainsKey(key);
    }

    /// <summary>Writes rows. If it throws, none is written.</summary>
    /// <param name="rows">The rows.</param>
    /// <param name="replaces">Whether a row may replace the row with the same key; otherwise such a row is refused.</param>
    /// <param name="name">The name of the argument that holds the rows, or the vector of the only one.</param>
    /// <param name="key">The name of the argument that is the key of the only row; null if another argument holds rows.</param>
    /// <exception cref="ArgumentException">A vector is not valid, a key occurs twice, or the table already has it.</exception>
    public void Write(IReadOnlyList<NewRow<TKey, TData>> rows, bool replaces, string name, string? key = null)
    {
        for (var i = 0; i < rows.Count; i++)
            if (VectorFault.Of(Shape, rows[i].Vector.Span) is { } fault) throw fault.In(name, $"row {i} (key {KeyText.Of(rows[i].Key)})");
        var keys = new HashSet<TKey>(rows.Count);
        foreach (var row in rows)
            if (!keys.Add(row.Key))
                throw new ArgumentException($"{name} must have each key only once, got {KeyText.Of(row.Key)} twice.", name);
        if (rows.Count == 0) return;
        lock (gate)
        {
            var replaced = new List<int>();
            foreach (var row in rows)
                if (places.TryGetValue(row.Key, out var place))
                {
                    if (!replaces)
                        throw new ArgumentException($"{(key is null ? $"{name} must have new keys" : $"{key} must be new")}, got "
                            + $"{KeyText.Of(row.Key)}, which the index already has.", key ?? name);
                    replaced.Add(place);
                }
            var now = snapshot;
            places.EnsureCapacity(places.Count + rows.Count);
            var entries = Grown(now.Entries, now.Rows.Count + rows.Count);
            for (var i = 0; i < rows.Count; i++)
                Snapshot.At(entries, Shape, now.Rows.Count + i) = (rows[i].Key, rows[i].Data);
            var next = now.Rows.With([.. rows.Select(row => row.Vector)], replaced, threads);
            snapshot = new Snapshot(next, entries);
            for (var i = 0; i < rows.Count; i++) places[rows[i].Key] = now.Rows.Count + i;
            CompactIfWorthwhile();
        }
    }

    /// <summary>Removes rows; keys that do not exist are ignored. Returns the number of removed rows.</summary>
    public int Remove(IReadOnlyCollection<TKey> keys)
    {
        lock (gate)
        {
            var removed = new HashSet<int>();
            foreach (var key in keys)
                if (places.TryGetValue(key, out var row)) removed.Add(row);
            if (removed.Count == 0) return 0;
            snapshot = snapshot with { Rows = snapshot.Rows.With([], removed, threads) };
            foreach (var key in keys) places.Remove(key);
            CompactIfWorthwhile();
            return removed.Count;
        }
    }

    /// <summary>Finds the k nearest rows of each query, nearest first.</summary>
    /// <param name="queries">The queries.</param>
    /// <param name="k">The number of rows for each query; fewer if there are fewer.</param>
    /// <param name="conditions">Say which rows may be returned.</param>
    /// <param name="hit">Makes what is returned for a row, from its key, its data and its score by <see cref="RowShape.Score"/>. Several
    /// threads call it at once.</param>
    /// <param name="name">The name of the argument that holds the queries.</param>
    /// <param name="cancellationToken">Stops the search.</param>
    /// <exception cref="ArgumentException">A query is not valid.</exception>
    public THit[][] Search<THit>(IReadOnlyList<ReadOnlyMemory<float>> queries, int k, RowConditions<TKey, TData> conditions,
        Func<TKey, TData, double, THit> hit, string name, CancellationToken cancellationToken)
    {
        for (var i = 0; i < queries.Count; i++)
            if (VectorFault.Of(Shape, queries[i].Span) is { } fault) throw fault.In(name, $"query {i}");
        cancellationToken.ThrowIfCancellationRequested();
        var (now, rows) = Resolve(conditions.Keys);
        var rules = new Rules(now, order, conditions, rows);
        return Scan.Run(now.Rows, new QuerySet(Shape, now.Rows.Center, queries, threads), k, rules, item =>
        {
            ref readonly var entry = ref now.Entry(item.Row);
            return hit(entry.Key, entry.Data, item.Score);
        }, threads, cancellationToken);
    }

    /// <summary>Gives the newest snapshot, and the rows of given keys in it, ascending. The rows are null if there are so many keys that it
    /// is faster to test each row.</summary>
    private (Snapshot Snapshot, int[]? Rows) Resolve(IReadOnlySet<TKey>? keys)
    {
        if (keys is null || keys.Count > Count / FewKeys) return (snapshot, null);
        lock (gate)
        {
            var rows = new List<int>(keys.Count);
            foreach (var key in keys)
                if (places.TryGetValue(key, out var row)) rows.Add(row);
            rows.Sort();
            return (snapshot, [.. rows]);
        }
    }

    private void CompactIfWorthwhile()
    {
        if (!snapshot.Rows.ShouldBeCompacted) return;
        try
        {
            Compact();
        }
        catch (OutOfMemoryException)
        {
            // The rows are written nevertheless. The next writer tries again.
        }
    }

    private void Compact()
    {
        var now = snapshot;
        int[] kept = [.. Enumerable.Range(0, now.Rows.Count).Where(now.Rows.IsAlive)];
        var entries = Grown([], kept.Length);
        var moved = new Dictionary<TKey, int>(kept.Length);
        for (var row = 0; row < kept.Length; row++)
        {
            var entry = now.Entry(kept[row]);
            Snapshot.At(entries, Shape, row) = entry;
            moved.Add(entry.Key, row);
        }
        var rows = now.Rows.Compacted(kept, threads);
        (places, snapshot) = (moved, new Snapshot(rows, entries));
    }

    private (TKey Key, TData Data)[][] Grown((TKey, TData)[][] entries, int rows)
    {
        var needed = Shape.Chunks(rows);
        if (needed <= entries.Length) return entries;
        return [.. entries, .. Enumerable.Range(entries.Length, needed - entries.Length).Select(_ => new (TKey, TData)[Shape.ChunkRows])];
    }

    /// <summary>The rows at one moment, with their keys and data.</summary>
    private sealed record Snapshot(RowSet Rows, (TKey Key, TData Data)[][] Entries)
    {
        public static ref (TKey Key, TData Data) At((TKey, TData)[][] entries, RowShape shape, int row) =>
            ref entries[row >> shape.ChunkShift][row & (shape.ChunkRows - 1)];

        public ref readonly (TKey Key, TData Data) Entry(int row) => ref At(Entries, Rows.Shape, row);
    }

    private sealed class Rules(Snapshot snapshot, IComparer<TKey> order, RowConditions<TKey, TData> conditions, int[]? rows) : RowRules
    {
        private readonly IReadOnlySet<TKey>? keys = rows is null ? conditions.Keys : null;

        public override int[]? Rows => rows;
        public override bool SelectsRows => keys is not null || conditions.Keeps is not null;
        public override bool SelectsPairs => conditions.KeepsPair is not null;

        public override bool Keeps(int row)
        {
            var (key, data) = snapshot.Entry(row);
            return (keys is null || keys.Contains(key)) && (conditions.Keeps is null || conditions.Keeps(key, data));
        }

        public override bool Keeps(int query, int row)
        {
            var (key, data) = snapshot.Entry(row);
            return conditions.KeepsPair!(query, key, data);
        }

        public override int Compare(int first, int second) => order.Compare(snapshot.Entry(first).Key, snapshot.Entry(second).Key);
    }
}
