namespace MetricLearning.Search;

/// <summary>An index of vectors in memory by key. It finds the exact nearest vectors, with any filter.</summary>
/// <remarks>
/// <para>Exact means: hits are sorted by the float64 scores of the given float32 vectors, and equal scores by key (strings by code points).
/// The result is bit for bit the same for any number of threads, any processor, and any order in which rows were added, in one call or in
/// many. A filter does not change the scores. Each score is summed in one fixed order: sixteen partial sums, one for each position of a
/// vector modulo 16.</para>
/// <para>Each row stores 8-bit integers with a proven error bound next to its float32 vector. A search reads the integers. It then reads
/// the vectors of the few rows that the bound leaves undecided, and computes their scores in float64. There is no training and no index
/// to build. A row takes about <c>5 D + 60</c> bytes.</para>
/// <para>It needs no native library.</para>
/// <para>Thread safety: any number of threads may search, look up, add and remove at once. Writers take turns. A search sees exactly the
/// rows that exist when it begins. A call that throws has changed nothing.</para>
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
    /// <param name="dimension">The dimension D of the vectors, from 1 to 65,536.</param>
    /// <param name="metric">The metric. Default: the cosine.</param>
    /// <param name="threads">The largest number of threads of a call. Default: null, as many as the process has processors.</param>
    /// <param name="order">The order of keys with equal scores. Default: null, the default order of the key type; strings are compared
    /// by code points.</param>
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

    /// <summary>The dimension D of the vectors.</summary>
    public int Dimension => table.Shape.Width;

    /// <summary>The metric.</summary>
    public SearchMetric Metric => table.Shape.Metric;

    /// <summary>The largest number of threads of a call.</summary>
    public int Threads { get; }

    /// <summary>The number of rows.</summary>
    public int Count => table.Count;

    /// <summary>The keys at this moment, in the order in which they were added.</summary>
    public IEnumerable<TKey> Keys => table.All().Select(row => row.Key);

    /// <summary>Adds a row.</summary>
    /// <param name="key">A key that the index does not have.</param>
    /// <param name="vector">[D], finite; not all zeros for the cosine. It is copied.</param>
    /// <param name="labels">What is known of the row. Default: nothing.</param>
    /// <exception cref="ArgumentNullException">The key is null.</exception>
    /// <exception cref="ArgumentException">The index already has the key, or the vector has another width, is not finite, or is all zeros
    /// for the cosine.</exception>
    public void Add(TKey key, ReadOnlySpan<float> vector, RowLabels? labels = null) =>
        table.Write([One(key, vector, labels)], replaces: false, nameof(vector), nameof(key));

    /// <summary>Adds rows. If it throws, none is added. One call with many rows is faster than many calls.</summary>
    /// <param name="rows">The rows.</param>
    /// <exception cref="ArgumentNullException">The rows, or one of them, are null.</exception>
    /// <exception cref="ArgumentException">A key occurs twice, the index already has a key, or a vector has another width, is not finite,
    /// or is all zeros for the cosine. The message names the row.</exception>
    public void Add(IEnumerable<SearchRow<TKey>> rows) => table.Write(List(rows), replaces: false, nameof(rows));

    /// <summary>Adds a row, or replaces the row with the same key.</summary>
    /// <param name="key">The key.</param>
    /// <param name="vector">[D], finite; not all zeros for the cosine. It is copied.</param>
    /// <param name="labels">What is known of the row. Default: nothing.</param>
    /// <exception cref="ArgumentNullException">The key is null.</exception>
    /// <exception cref="ArgumentException">The vector has another width, is not finite, or is all zeros for the cosine.</exception>
    public void Upsert(TKey key, ReadOnlySpan<float> vector, RowLabels? labels = null) =>
        table.Write([One(key, vector, labels)], replaces: true, nameof(vector));

    /// <summary>Adds rows, or replaces the rows with the same keys. If it throws, nothing has changed.</summary>
    /// <param name="rows">The rows.</param>
    /// <exception cref="ArgumentNullException">The rows, or one of them, are null.</exception>
    /// <exception cref="ArgumentException">A key occurs twice, or a vector has another width, is not finite, or is all zeros for the
    /// cosine. The message names the row.</exception>
    public void Upsert(IEnumerable<SearchRow<TKey>> rows) => table.Write(List(rows), replaces: true, nameof(rows));

    /// <summary>Removes a row.</summary>
    /// <param name="key">Its key.</param>
    /// <returns>Whether the index had the row.</returns>
    /// <exception cref="ArgumentNullException">The key is null.</exception>
    public bool Remove(TKey key) => Remove([key]) == 1;

    /// <summary>Removes rows. Keys that the index does not have are ignored.</summary>
    /// <param name="keys">Their keys.</param>
    /// <returns>The number of removed rows.</returns>
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

    /// <summary>Gets the row of a key, with a copy of its vector; null if the index does not have it.</summary>
    /// <param name="key">The key.</param>
    /// <exception cref="ArgumentNullException">The key is null.</exception>
    public SearchRow<TKey>? Find(TKey key) =>
        table.TryGet(KeyGuard.NotNull(key, nameof(key)), out var labels, out var vector) ? new SearchRow<TKey>(key, vector, labels) : null;

    /// <summary>Finds the rows nearest to a query, nearest first.</summary>
    /// <param name="query">The query [D], finite; not all zeros for the cosine.</param>
    /// <param name="k">The number of rows to return, at least 1; fewer if the filter keeps fewer.</param>
    /// <param name="filter">Which rows may be found. Default: all.</param>
    /// <exception cref="ArgumentException">The query has another width, is not finite, or is all zeros for the cosine.</exception>
    /// <exception cref="ArgumentOutOfRangeException">k is below 1.</exception>
    public IReadOnlyList<SearchHit<TKey>> Search(ReadOnlySpan<float> query, int k, SearchFilter<TKey>? filter = null) =>
        Search([query.ToArray()], k, filter, nameof(query), CancellationToken.None)[0];

    /// <summary>Finds the rows nearest to each of many queries, nearest first. This is much faster than one query at a time.</summary>
    /// <param name="queries">[D] each, finite; not all zeros for the cosine.</param>
    /// <param name="k">The number of rows to return for each query, at least 1; fewer if the filter keeps fewer.</param>
    /// <param name="filter">Which rows may be found. Default: all.</param>
    /// <param name="cancellationToken">Stops the search.</param>
    /// <returns>The hits of each query.</returns>
    /// <exception cref="ArgumentNullException">The queries are null.</exception>
    /// <exception cref="ArgumentException">A query has another width, is not finite, or is all zeros for the cosine. The message names
    /// it.</exception>
    /// <exception cref="ArgumentOutOfRangeException">k is below 1.</exception>
    /// <exception cref="OperationCanceledException">The search was stopped.</exception>
    public IReadOnlyList<IReadOnlyList<SearchHit<TKey>>> Search(IReadOnlyList<ReadOnlyMemory<float>> queries, int k,
        SearchFilter<TKey>? filter = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(queries);
        return Search(queries, k, filter, nameof(queries), cancellationToken);
    }

    /// <summary>Finds the rows nearest to each query, without the rows that a protocol removes: those of the query's camera, junk, or those
    /// that its own rule removes.</summary>
    /// <remarks>A rule on identities or cameras applies only if both the query and the row have the label. A query with the junk identity
    /// finds nothing. <see cref="RetrievalProtocol.Keep"/> gets the position of the query among the queries as its number, and −1 as the
    /// number of every row. Unknown cameras are −1, and unknown identities are the smallest 64-bit number.</remarks>
    /// <param name="queries">The queries.</param>
    /// <param name="k">The number of rows to return for each query, at least 1; fewer if fewer are left.</param>
    /// <param name="protocol">The protocol. Its settings for CMC are ignored.</param>
    /// <param name="filter">Which rows may be found. Default: all.</param>
    /// <param name="cancellationToken">Stops the search.</param>
    /// <returns>The hits of each query.</returns>
    /// <exception cref="ArgumentNullException">The queries, one of them, or the protocol are null.</exception>
    /// <exception cref="ArgumentException">A query has another width, is not finite, or is all zeros for the cosine; the message names it.
    /// Or the protocol removes each query's own row by its number, which rows do not have here: use a filter on the key.</exception>
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

    /// <summary>Finds the identities nearest to a query, each with its nearest row, nearest first.</summary>
    /// <param name="query">[D], finite; not all zeros for the cosine.</param>
    /// <param name="k">The number of identities to return, at least 1; fewer if there are fewer. Rows without an identity are
    /// ignored.</param>
    /// <param name="filter">Which rows may be found. Default: all.</param>
    /// <exception cref="ArgumentException">The query has another width, is not finite, or is all zeros for the cosine.</exception>
    /// <exception cref="ArgumentOutOfRangeException">k is below 1.</exception>
    public IReadOnlyList<SearchHit<TKey>> SearchIdentities(ReadOnlySpan<float> query, int k, SearchFilter<TKey>? filter = null)
    {
        Guard.AtLeast(k, 1);
        var known = SearchFilter<TKey>.Where((_, labels) => labels.Identity is not null);
        var (vector, kept) = (query.ToArray(), filter is null ? known : filter.And(known));
        // If the nearest n rows have k identities, these are the nearest k.
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
        table.Search(queries, k, conditions, (key, labels, score) => new SearchHit<TKey>(key, ExactScore.Shown(Metric, score), labels),
            name, cancellationToken);

    private static NewRow<TKey, RowLabels> One(TKey key, ReadOnlySpan<float> vector, RowLabels? labels) =>
        new(KeyGuard.NotNull(key, nameof(key)), vector.ToArray(), labels ?? RowLabels.None);

    private static List<NewRow<TKey, RowLabels>> List(IEnumerable<SearchRow<TKey>> rows)
    {
        ArgumentNullException.ThrowIfNull(rows);
        return [.. rows.Select(row => Guard.NotNull(row, nameof(rows)))
            .Select(row => new NewRow<TKey, RowLabels>(row.Key, row.Vector, row.Labels ?? RowLabels.None))];
    }
}
