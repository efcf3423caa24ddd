namespace MetricLearning.Search;

/// <summary>Vectors in memory by key, and exact search for the nearest of them, under any filter.</summary>
/// <remarks>
/// <para>Exact means: hits stand in the order of the float64 scores of the given float32 vectors, and equal scores in the order of the keys
/// (strings letter by letter). The answer has the same bits for any number of threads, any processor, any order in which rows were added,
/// in one call or in many, and with any filter. Each sum of a score is taken in one fixed order: sixteen partial sums, one for each place
/// of a vector modulo 16.</para>
/// <para>Beside its float32 vector each row keeps 8-bit integers with a proven error bound. A search reads these; it reads the vectors of
/// the few rows that the bound leaves open, and computes their scores in float64. Nothing is prepared at a search. A row takes about
/// <c>5 D + 60</c> bytes.</para>
/// <para>It needs no native library.</para>
/// <para>Thread safety: any number of threads may search, look up, add and remove at once. Writers take turns. A search sees the rows of
/// the moment at which it begins, and those alone. A call that throws has changed nothing.</para>
/// </remarks>
/// <example><code>
/// var index = new ExactIndex&lt;string&gt;(dimension: 512);
/// index.Add("shoe-1", vector, new RowLabels { Tags = ["shoe"] });
/// foreach (var hit in index.Search(query, k: 10, SearchFilter&lt;string&gt;.Tag("shoe")))
///     Console.WriteLine($"{hit.Key} {hit.Score:0.000}");
/// </code></example>
/// <typeparam name="TKey">The type of keys: strings, integers, <see cref="Guid"/>, or another type with an order.</typeparam>
public sealed class ExactIndex<TKey> where TKey : notnull
{
    private readonly RowTable<TKey, RowLabels> table;

    /// <summary>Creates an index without rows.</summary>
    /// <param name="dimension">Numbers in a vector, from 1 to 65,536.</param>
    /// <param name="metric">What is compared. Default: the cosine.</param>
    /// <param name="threads">The most threads of a call. Default: null, as many as the process has processors.</param>
    /// <param name="order">The order of keys with equal scores. Default: null, the keys' own order, strings letter by letter.</param>
    /// <exception cref="ArgumentOutOfRangeException">The dimension, the metric or the number of threads is out of range.</exception>
    /// <exception cref="ArgumentException">No order is given, and the keys have none of their own.</exception>
    public ExactIndex(int dimension, SearchMetric metric = SearchMetric.Cosine, int? threads = null, IComparer<TKey>? order = null)
    {
        Guard.Within(dimension, 1, RowShape.LargestWidth);
        Threads = threads is { } most ? Guard.AtLeast(most, 1, nameof(threads)) : Environment.ProcessorCount;
        var used = order ?? KeyOrder<TKey>.Default
            ?? throw new ArgumentException($"order must be given, because {typeof(TKey)} has no order of its own.", nameof(order));
        table = new RowTable<TKey, RowLabels>(new RowShape(Guard.Defined(metric), dimension), used, Threads);
    }

    /// <summary>Numbers in a vector.</summary>
    public int Dimension => table.Shape.Width;

    /// <summary>What is compared.</summary>
    public SearchMetric Metric => table.Shape.Metric;

    /// <summary>The most threads of a call.</summary>
    public int Threads { get; }

    /// <summary>How many rows there are.</summary>
    public int Count => table.Count;

    /// <summary>The keys at this moment, in the order in which they were added.</summary>
    public IEnumerable<TKey> Keys => table.All().Select(row => row.Key);

    /// <summary>Adds a row.</summary>
    /// <param name="key">A key that the index does not have.</param>
    /// <param name="vector">[D], finite; not all zeros for the cosine. It is copied.</param>
    /// <param name="labels">What is known of the row. Default: nothing.</param>
    /// <exception cref="ArgumentNullException">The key is null.</exception>
    /// <exception cref="ArgumentException">The index has the key already, or the vector is not as it must be.</exception>
    public void Add(TKey key, ReadOnlySpan<float> vector, RowLabels? labels = null) =>
        Write([One(key, vector, labels)], replaces: false, nameof(vector));

    /// <summary>Adds rows: all of them, or none where it throws. Many rows in one call are added faster than one by one.</summary>
    /// <param name="rows">The rows.</param>
    /// <exception cref="ArgumentNullException">The rows, or one of them, are null.</exception>
    /// <exception cref="ArgumentException">A key is there twice, the index has a key already, or a vector is not as it must be; the message
    /// names the row.</exception>
    public void Add(IEnumerable<SearchRow<TKey>> rows) => Write(List(rows), replaces: false, nameof(rows));

    /// <summary>Adds a row, or puts it in the place of the one that has its key.</summary>
    /// <param name="key">The key.</param>
    /// <param name="vector">[D], finite; not all zeros for the cosine. It is copied.</param>
    /// <param name="labels">What is known of the row. Default: nothing.</param>
    /// <exception cref="ArgumentNullException">The key is null.</exception>
    /// <exception cref="ArgumentException">The vector is not as it must be.</exception>
    public void Upsert(TKey key, ReadOnlySpan<float> vector, RowLabels? labels = null) =>
        Write([One(key, vector, labels)], replaces: true, nameof(vector));

    /// <summary>Adds rows, or puts them in the place of those that have their keys: all of them, or none where it throws.</summary>
    /// <param name="rows">The rows.</param>
    /// <exception cref="ArgumentNullException">The rows, or one of them, are null.</exception>
    /// <exception cref="ArgumentException">A key is there twice, or a vector is not as it must be; the message names the row.</exception>
    public void Upsert(IEnumerable<SearchRow<TKey>> rows) => Write(List(rows), replaces: true, nameof(rows));

    /// <summary>Removes a row.</summary>
    /// <param name="key">Its key.</param>
    /// <returns>Whether it was there.</returns>
    /// <exception cref="ArgumentNullException">The key is null.</exception>
    public bool Remove(TKey key) => Remove([key]) == 1;

    /// <summary>Removes rows. Keys that the index does not have are passed over.</summary>
    /// <param name="keys">Their keys.</param>
    /// <returns>How many rows were removed.</returns>
    /// <exception cref="ArgumentNullException">The keys, or one of them, are null.</exception>
    public int Remove(IEnumerable<TKey> keys)
    {
        ArgumentNullException.ThrowIfNull(keys);
        return table.Remove([.. keys.Select(key => KeyGuard.NotNull(key, nameof(keys)))]);
    }

    /// <summary>Whether the index has a key.</summary>
    /// <param name="key">The key.</param>
    /// <exception cref="ArgumentNullException">The key is null.</exception>
    public bool Contains(TKey key) => table.Contains(KeyGuard.NotNull(key, nameof(key)));

    /// <summary>The row of a key, with a copy of its vector; null where the index does not have it.</summary>
    /// <param name="key">The key.</param>
    /// <exception cref="ArgumentNullException">The key is null.</exception>
    public SearchRow<TKey>? Find(TKey key) =>
        table.TryGet(KeyGuard.NotNull(key, nameof(key)), out var labels, out var vector) ? new SearchRow<TKey>(key, vector, labels) : null;

    /// <summary>The rows nearest to a query, nearest first.</summary>
    /// <param name="query">[D], finite; not all zeros for the cosine.</param>
    /// <param name="k">How many rows are given, at least 1; fewer where the filter keeps fewer.</param>
    /// <param name="filter">Which rows may be found. Default: all.</param>
    /// <exception cref="ArgumentException">The query is not as it must be.</exception>
    /// <exception cref="ArgumentOutOfRangeException">k is below 1.</exception>
    public IReadOnlyList<SearchHit<TKey>> Search(ReadOnlySpan<float> query, int k, SearchFilter<TKey>? filter = null) =>
        Search([query.ToArray()], k, filter, nameof(query), CancellationToken.None)[0];

    /// <summary>The rows nearest to each of many queries, nearest first. This is much faster than one query at a time.</summary>
    /// <param name="queries">[D] each, finite; not all zeros for the cosine.</param>
    /// <param name="k">How many rows are given for each query, at least 1; fewer where the filter keeps fewer.</param>
    /// <param name="filter">Which rows may be found. Default: all.</param>
    /// <param name="cancellationToken">Stops the search.</param>
    /// <returns>The hits of each query.</returns>
    /// <exception cref="ArgumentNullException">The queries are null.</exception>
    /// <exception cref="ArgumentException">A query is not as it must be; the message names it.</exception>
    /// <exception cref="ArgumentOutOfRangeException">k is below 1.</exception>
    /// <exception cref="OperationCanceledException">The search was stopped.</exception>
    public IReadOnlyList<IReadOnlyList<SearchHit<TKey>>> Search(IReadOnlyList<ReadOnlyMemory<float>> queries, int k,
        SearchFilter<TKey>? filter = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(queries);
        return Search(queries, k, filter, nameof(queries), cancellationToken);
    }

    /// <summary>The rows nearest to each query, without those that a protocol removes: those of the query's camera, of junk, or of the
    /// protocol's own rule.</summary>
    /// <remarks>A rule on identities or cameras removes only rows whose labels are known, and asks only queries that know theirs. A query
    /// of the junk identity finds nothing. For <see cref="RetrievalProtocol.Keep"/> the number of a query is its place among the queries,
    /// and that of every row is −1; unknown cameras are −1, and unknown identities are the smallest 64-bit number.</remarks>
    /// <param name="queries">The queries.</param>
    /// <param name="k">How many rows are given for each query, at least 1; fewer where fewer are left.</param>
    /// <param name="protocol">The protocol. What it says of CMC does not matter.</param>
    /// <param name="filter">Which rows may be found. Default: all.</param>
    /// <param name="cancellationToken">Stops the search.</param>
    /// <returns>The hits of each query.</returns>
    /// <exception cref="ArgumentNullException">The queries, one of them, or the protocol are null.</exception>
    /// <exception cref="ArgumentException">A query is not as it must be; the message names it. Or the protocol removes each query's own
    /// row, which has no number here: use a filter on the key.</exception>
    /// <exception cref="ArgumentOutOfRangeException">k is below 1.</exception>
    /// <exception cref="OperationCanceledException">The search was stopped.</exception>
    public IReadOnlyList<IReadOnlyList<SearchHit<TKey>>> Search(IReadOnlyList<SearchQuery> queries, int k, RetrievalProtocol protocol,
        SearchFilter<TKey>? filter = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(queries);
        Guard.AtLeast(k, 1);
        var rule = new ProtocolRule(Guard.NotNull(protocol), [.. queries.Select(query => Guard.NotNull(query, nameof(queries)))]);
        return Hits([.. queries.Select(query => query.Vector)], k, new RowConditions<TKey, RowLabels>(filter?.Set, filter?.Condition,
            (query, _, labels) => rule.Keeps(query, labels)), nameof(queries), cancellationToken);
    }

    /// <summary>The identities nearest to a query, each with its nearest row, nearest first.</summary>
    /// <param name="query">[D], finite; not all zeros for the cosine.</param>
    /// <param name="k">How many identities are given, at least 1; fewer where there are fewer. Rows without an identity are passed
    /// over.</param>
    /// <param name="filter">Which rows may be found. Default: all.</param>
    /// <exception cref="ArgumentException">The query is not as it must be.</exception>
    /// <exception cref="ArgumentOutOfRangeException">k is below 1.</exception>
    public IReadOnlyList<SearchHit<TKey>> SearchIdentities(ReadOnlySpan<float> query, int k, SearchFilter<TKey>? filter = null)
    {
        Guard.AtLeast(k, 1);
        var known = SearchFilter<TKey>.Where((_, labels) => labels.Identity is not null);
        var (vector, kept) = (query.ToArray(), filter is null ? known : filter.And(known));
        // The first k identities are in the nearest n rows as soon as these show k of them.
        for (var n = 4L * k; ; n *= 4)
        {
            var rows = Search([vector], (int)Math.Min(n, int.MaxValue), kept, nameof(query), CancellationToken.None)[0];
            SearchHit<TKey>[] nearest = [.. rows.DistinctBy(hit => hit.Labels.Identity).Take(k)];
            if (nearest.Length == k || rows.Length < n) return nearest;
        }
    }

    private SearchHit<TKey>[][] Search(IReadOnlyList<ReadOnlyMemory<float>> queries, int k, SearchFilter<TKey>? filter, string name,
        CancellationToken cancellationToken)
    {
        Guard.AtLeast(k, 1);
        return Hits(queries, k, new RowConditions<TKey, RowLabels>(filter?.Set, filter?.Condition), name, cancellationToken);
    }

    private SearchHit<TKey>[][] Hits(IReadOnlyList<ReadOnlyMemory<float>> queries, int k, RowConditions<TKey, RowLabels> conditions,
        string name, CancellationToken cancellationToken) =>
        Array.ConvertAll(table.Search(queries, k, conditions, name, cancellationToken), rows => Array.ConvertAll(rows,
            row => new SearchHit<TKey>(row.Key, ExactScore.Shown(Metric, row.Score), row.Data)));

    private void Write(List<NewRow<TKey, RowLabels>> rows, bool replaces, string name) => table.Write(rows, replaces, name);

    private static NewRow<TKey, RowLabels> One(TKey key, ReadOnlySpan<float> vector, RowLabels? labels) =>
        new(KeyGuard.NotNull(key, nameof(key)), vector.ToArray(), labels ?? RowLabels.None);

    private static List<NewRow<TKey, RowLabels>> List(IEnumerable<SearchRow<TKey>> rows)
    {
        ArgumentNullException.ThrowIfNull(rows);
        return [.. rows.Select(row => Guard.NotNull(row, nameof(rows)))
            .Select(row => new NewRow<TKey, RowLabels>(row.Key, row.Vector, row.Labels ?? RowLabels.None))];
    }
}
