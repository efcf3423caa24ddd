using System.Linq.Expressions;
using System.Runtime.CompilerServices;
using Microsoft.Extensions.VectorData;

namespace MetricLearning.Search;

/// <summary>A search that takes candidates from vector stores and scores them exactly. It adds features that the abstractions lack:
/// batches, camera rules, one hit per identity, re-ranking, decisions, and a measurement of its own recall.</summary>
/// <remarks>
/// <para>Its answers are exact among the candidates. Candidates are sorted by the float64 scores of the float32 vectors, and equal scores
/// by key. A record that the store returns twice is one candidate. A record that the store does not return as a candidate is not found,
/// however near it is. So over a store with an approximate index the answers are incomplete; <see cref="MeasureRecallAsync"/> measures how
/// much. Over <see cref="ExactCollection{TKey, TRecord}"/> the answers are exact, up to <see cref="MostCandidates"/>.</para>
/// <para>The search asks a store for <see cref="OverFetch"/> times as many candidates as the number of records it needs. If a protocol or
/// distinct identities leave too few of them, it asks for four times as many, up to <see cref="MostCandidates"/>.</para>
/// <para>Thread safety: immutable; any number of threads may call it at once, if the collections and delegates allow it.</para>
/// </remarks>
/// <example><code>
/// var search = ExactSearch.Over(products, product => product.Id, product => product.Vector) with { Decision = decision };
/// foreach (var hit in await search.SearchAsync(vector, k: 10))
///     Console.WriteLine($"{hit.Key} {hit.Score:0.000}");
/// </code></example>
/// <typeparam name="TKey">The type of keys.</typeparam>
/// <typeparam name="TRecord">The type of records.</typeparam>
public sealed record ExactSearch<TKey, TRecord> where TKey : notnull where TRecord : class
{
    private readonly VectorStoreCollection<TKey, TRecord>[] collections;
    private readonly Func<TRecord, TKey> key;
    private readonly Func<TRecord, ReadOnlyMemory<float>> vector;
    private readonly IComparer<TKey> order;
    private readonly SearchMetric? metric, stored;

    /// <summary>Makes a search over one or more collections. In C#, <see cref="ExactSearch.Over{TKey, TRecord}(VectorStoreCollection{TKey,
    /// TRecord}, Func{TRecord, TKey}, Func{TRecord, ReadOnlyMemory{float}})"/> is shorter. F# and Visual Basic, which have no <c>with</c>,
    /// set the properties in this call.</summary>
    /// <param name="collections">The collections, at least one. No key is in two of them.</param>
    /// <param name="key">Returns the key of a record.</param>
    /// <param name="vector">Returns the vector of a record.</param>
    /// <exception cref="ArgumentNullException">An argument, or a collection, is null.</exception>
    /// <exception cref="ArgumentException">There is no collection, the key type has no default order, or the collections compare by
    /// different metrics.</exception>
    public ExactSearch(IEnumerable<VectorStoreCollection<TKey, TRecord>> collections, Func<TRecord, TKey> key,
        Func<TRecord, ReadOnlyMemory<float>> vector)
    {
        ArgumentNullException.ThrowIfNull(collections);
        this.collections = [.. collections.Select(part => Guard.NotNull(part, nameof(collections)))];
        if (this.collections.Length == 0) throw new ArgumentException("collections must not be empty.", nameof(collections));
        order = KeyOrder<TKey>.Default
            ?? throw new ArgumentException($"collections must have keys with an order, got {typeof(TKey)}.", nameof(collections));
        (this.key, this.vector) = (Guard.NotNull(key), Guard.NotNull(vector));
        stored = StoredMetric(null);
    }

    /// <summary>The metric. The collections must use the same. Default: that of the collections if they are of this library's stores, and
    /// otherwise the cosine; other stores do not say theirs. A search refuses a metric that contradicts a collection.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is undefined.</exception>
    public SearchMetric Metric
    {
        get => metric ?? stored ?? SearchMetric.Cosine;
        init => metric = Guard.Defined(value);
    }

    /// <summary>Returns the identity, camera and tags of a record. Default: no labels are known.</summary>
    /// <exception cref="ArgumentNullException">The delegate is null.</exception>
    public Func<TRecord, RowLabels> Labels { get; init => field = Guard.NotNull(value); } = _ => RowLabels.None;

    /// <summary>The vector property that the store searches. Default: null, the only one.</summary>
    /// <exception cref="ArgumentException">The collections compare this property by different metrics.</exception>
    public Expression<Func<TRecord, object?>>? VectorProperty
    {
        get;
        init
        {
            field = value;
            stored = StoredMetric(value);
        }
    }

    /// <summary>The number of candidates to ask for per wanted record. Default: 10.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The number is below 1.</exception>
    public int OverFetch { get; init => field = Guard.AtLeast(value, 1); } = 10;

    /// <summary>The largest number of candidates to ask a collection for. Default: 10,000.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The number is below 1.</exception>
    public int MostCandidates { get; init => field = Guard.AtLeast(value, 1); } = 10_000;

    /// <summary>The number of queries that run at once on stores without batch search. Default: 4.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The number is below 1.</exception>
    public int Concurrency { get; init => field = Guard.AtLeast(value, 1); } = 4;

    /// <summary>Decides for each score whether it is a match. Default: null, hits have no verdict. A search refuses a decision that was
    /// calibrated on scores of the other direction, or in another embedding space than that of a store.</summary>
    public MatchDecision? Decision { get; init; }

    /// <summary>Finds the records nearest to a query, nearest first.</summary>
    /// <param name="query">[D], finite; not all zeros for the cosine.</param>
    /// <param name="k">The number of records to return, at least 1; fewer if the store gives fewer.</param>
    /// <param name="options">Filter, protocol, distinct identities and re-ranking. Default: none of these.</param>
    /// <param name="cancellationToken">Stops the search.</param>
    /// <exception cref="ArgumentException">The query has another width, is not finite, or is all zeros for the cosine. Or the options
    /// re-rank dot products.</exception>
    /// <exception cref="ArgumentOutOfRangeException">k is below 1, or k or the number of re-ranked hits is greater than
    /// <see cref="MostCandidates"/>.</exception>
    /// <exception cref="InvalidOperationException"><see cref="Metric"/> is not that of the collections, or <see cref="Decision"/> is not
    /// for their scores.</exception>
    /// <exception cref="InvalidDataException">A record has no such vector; the message names it.</exception>
    /// <exception cref="OperationCanceledException">The search was stopped.</exception>
    public async Task<IReadOnlyList<ExactHit<TKey, TRecord>>> SearchAsync(ReadOnlyMemory<float> query, int k,
        ExactSearchOptions<TRecord>? options = null, CancellationToken cancellationToken = default) =>
        (await SearchAsync([new SearchQuery(query)], k, options, cancellationToken).ConfigureAwait(false))[0];

    /// <summary>Finds the records nearest to each of many queries, nearest first. For several pictures of one thing, see
    /// <see cref="SearchQuery.Of"/>.</summary>
    /// <remarks>A protocol works as in <see cref="ExactIndex{TKey}"/>: a rule applies only if both the query and the record have the
    /// label.</remarks>
    /// <param name="queries">The queries.</param>
    /// <param name="k">The number of records to return for each query, at least 1; fewer if the store gives fewer.</param>
    /// <param name="options">Filter, protocol, distinct identities and re-ranking. Default: none of these.</param>
    /// <param name="cancellationToken">Stops the search.</param>
    /// <returns>The hits of each query.</returns>
    /// <exception cref="ArgumentNullException">The queries, or one of them, are null.</exception>
    /// <exception cref="ArgumentException">A query has another width, is not finite, or is all zeros for the cosine. Or the protocol
    /// removes each query's own row by number, or the options re-rank dot products.</exception>
    /// <exception cref="ArgumentOutOfRangeException">k is below 1, or k or the number of re-ranked hits is greater than
    /// <see cref="MostCandidates"/>.</exception>
    /// <exception cref="InvalidOperationException"><see cref="Metric"/> is not that of the collections, or <see cref="Decision"/> is not
    /// for their scores.</exception>
    /// <exception cref="InvalidDataException">A record has no such vector; the message names it.</exception>
    /// <exception cref="OperationCanceledException">The search was stopped.</exception>
    public async Task<IReadOnlyList<IReadOnlyList<ExactHit<TKey, TRecord>>>> SearchAsync(IReadOnlyList<SearchQuery> queries, int k,
        ExactSearchOptions<TRecord>? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(queries);
        options ??= new ExactSearchOptions<TRecord>();
        SearchQuery[] given = [.. queries.Select(query => Guard.NotNull(query, nameof(queries)))];
        Guard.AtLeast(k, 1);
        var wanted = Math.Max(k, options.Reranking?.Top ?? 0);
        if (wanted > MostCandidates)
            throw new ArgumentOutOfRangeException(nameof(k), wanted, $"k and the number of re-ranked hits must be at most MostCandidates, "
                + $"which is {MostCandidates}, got {wanted}.");
        if (options.Reranking is not null && Metric == SearchMetric.Dot)
            throw new ArgumentException("options must not re-rank dot products, because they are not distances.", nameof(options));
        if (stored is { } theirs && theirs != Metric)
            throw new InvalidOperationException($"Metric is {Metric}, but the collection '{collections[0].Name}' compares by {theirs}: "
                + "leave Metric out, or give the vector property another distance function.");
        RequireDecisionOfTheseScores();
        for (var i = 0; i < given.Length; i++)
            if (FaultOf(given[i].Vector, given[0].Vector.Length) is { } fault) throw fault.In(nameof(queries), $"query {i}");
        var rule = options.Protocol is { } protocol ? new ProtocolRule(protocol, given) : null;
        var found = new ExactHit<TKey, TRecord>[given.Length][];
        int[] open = [.. Enumerable.Range(0, given.Length)];
        for (var top = Bounded((long)wanted * OverFetch); open.Length > 0; top = Bounded(4L * top))
        {
            var candidates = await CandidatesAsync([.. open.Select(query => given[query].Vector)], top, options, cancellationToken)
                .ConfigureAwait(false);
            var unfinished = new List<int>();
            for (var i = 0; i < open.Length; i++)
            {
                var query = open[i];
                found[query] = Hits(given[query].Vector, candidates[i].Records, wanted, options,
                    labels => rule?.Keeps(query, labels) ?? true);
                if (found[query].Length < wanted && candidates[i].MayHaveMore && top < MostCandidates) unfinished.Add(query);
            }
            open = [.. unfinished];
        }
        return Array.ConvertAll(Enumerable.Range(0, given.Length).ToArray(),
            query => Finished(given[query].Vector, found[query], k, options.Reranking, cancellationToken));

        int Bounded(long candidates) => (int)Math.Min(MostCandidates, candidates);
    }

    /// <summary>Measures the recall of this search: the share of the k nearest records, found by an exact scan of all records, that the
    /// search finds too.</summary>
    /// <remarks>The scan reads every record once. Nobody should write meanwhile: a record that is added or removed between a search and the
    /// scan counts as an error of the search.</remarks>
    /// <param name="queries">Typical queries, at least one. Vectors of the gallery itself are bad queries: each finds itself, so the
    /// measured recall is too high.</param>
    /// <param name="k">The number of nearest records that are compared, at least 1.</param>
    /// <param name="sample">The number of queries to draw, without replacement. Default: null, all queries; all as well if there are not
    /// more.</param>
    /// <param name="seed">The seed of the draw. Default: 0.</param>
    /// <param name="filter">Which records may be found. Default: null, all.</param>
    /// <param name="gallery">All records that the filter keeps, with their vectors. Default: null, the collections list them. Pass them if
    /// the store cannot list all of its records.</param>
    /// <param name="confidence">The confidence of the interval, in (0, 1). Default: 0.95.</param>
    /// <param name="cancellationToken">Stops the measurement.</param>
    /// <exception cref="ArgumentNullException">The queries are null.</exception>
    /// <exception cref="ArgumentException">There is no query or no record, or a query has another width, is not finite, or is all zeros for
    /// the cosine.</exception>
    /// <exception cref="ArgumentOutOfRangeException">k, the sample or the confidence is out of range.</exception>
    /// <exception cref="InvalidOperationException"><see cref="Metric"/> is not that of the collections, or <see cref="Decision"/> is not
    /// for their scores.</exception>
    /// <exception cref="InvalidDataException">A record has no such vector; the message names it.</exception>
    /// <exception cref="OperationCanceledException">The measurement was stopped.</exception>
    public async Task<SearchRecall> MeasureRecallAsync(IReadOnlyList<ReadOnlyMemory<float>> queries, int k, int? sample = null,
        ulong seed = 0, Expression<Func<TRecord, bool>>? filter = null, IAsyncEnumerable<TRecord>? gallery = null,
        double confidence = 0.95, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(queries);
        if (queries.Count == 0) throw new ArgumentException("queries must have at least one query, got none.", nameof(queries));
        if (sample is { } drawn) Guard.AtLeast(drawn, 1, nameof(sample));
        Guard.Between(confidence, 0, 1);
        var count = Math.Min(sample ?? queries.Count, queries.Count);
        SearchQuery[] asked = [.. Drawn(queries, count, seed).Select(query => new SearchQuery(query))];
        var found = await SearchAsync(asked, k, new ExactSearchOptions<TRecord> { Filter = filter }, cancellationToken)
            .ConfigureAwait(false);
        var nearest = Array.ConvertAll(asked, query => new NearestKeys<TKey>(Metric, query.Vector, k, order));
        var records = 0L;
        await foreach (var record in (gallery ?? AllAsync(filter, cancellationToken)).WithCancellation(cancellationToken)
            .ConfigureAwait(false))
        {
            var (itsKey, row) = (key(record), vector(record));
            CheckRow(itsKey, row, asked[0].Vector.Length);
            foreach (var list in nearest) list.Offer(itsKey, row.Span);
            records++;
        }
        if (records == 0) throw new ArgumentException("gallery must have at least one record that the filter keeps, got none.",
            nameof(gallery));
        double[] shares = [.. nearest.Zip(found, (list, hits) => (double)hits.Count(hit => list.Has(hit.Key)) / list.Count)];
        return new SearchRecall(k, shares.Length, records, SearchRecall.Mean(shares, confidence));
    }

    /// <summary>Refuses a decision that was calibrated on other scores than those of this search.</summary>
    private void RequireDecisionOfTheseScores()
    {
        if (Decision is null) return;
        if (Decision.LargerIsNearer == (Metric == SearchMetric.Euclidean))
            throw new InvalidOperationException(
                $"Decision was calibrated on scores of which the {(Decision.LargerIsNearer ? "larger" : "smaller")} is nearer, "
                + $"but Metric is {Metric}. Calibrate it on scores of this search.");
        foreach (var part in collections)
            if ((part as IKnowsVectors<TRecord>)?.SpaceOf(VectorProperty) is { } theirs
                && Decision.Space?.Conflicts(theirs, "in the decision", "in the store") is { } conflicts)
                throw new InvalidOperationException($"Decision was calibrated in another embedding space than that of the collection "
                    + $"'{part.Name}': {conflicts}. Calibrate it again.");
    }

    /// <summary>The metric by which the collections compare a vector property; null if they do not say it.</summary>
    private SearchMetric? StoredMetric(Expression<Func<TRecord, object?>>? property)
    {
        SearchMetric[] all = [.. collections.OfType<IKnowsVectors<TRecord>>().Select(collection => collection.MetricOf(property))
            .OfType<SearchMetric>().Distinct()];
        return all.Length switch
        {
            0 => null,
            1 => all[0],
            _ => throw new ArgumentException($"collections must compare by one metric, got {string.Join(" and ", all)}."),
        };
    }

    /// <summary>Gets the candidates of each query, and whether a collection may have more of them.</summary>
    private async Task<(List<TRecord> Records, bool MayHaveMore)[]> CandidatesAsync(IReadOnlyList<ReadOnlyMemory<float>> queries, int top,
        ExactSearchOptions<TRecord> options, CancellationToken cancellationToken)
    {
        var search = new VectorSearchOptions<TRecord>
        {
            Filter = options.Filter, IncludeVectors = true, VectorProperty = VectorProperty,
        };
        var candidates = new (List<TRecord> Records, bool MayHaveMore)[queries.Count];
        for (var query = 0; query < queries.Count; query++) candidates[query].Records = [];
        foreach (var collection in collections)
        {
            var lists = new List<TRecord>[queries.Count];
            if (collection is IVectorBatchSearch<TRecord> batches)
                lists = [.. (await batches.SearchBatchAsync(queries, top, search, cancellationToken).ConfigureAwait(false))
                    .Select(list => list.Select(hit => hit.Record).ToList())];
            else
                await Parallel.ForAsync(0, queries.Count,
                    new ParallelOptions { MaxDegreeOfParallelism = Concurrency, CancellationToken = cancellationToken },
                    async (query, stop) =>
                    {
                        lists[query] = [];
                        await foreach (var hit in collection.SearchAsync(queries[query], top, search, stop).ConfigureAwait(false))
                            lists[query].Add(hit.Record);
                    }).ConfigureAwait(false);
            for (var query = 0; query < lists.Length; query++)
            {
                candidates[query].Records.AddRange(lists[query]);
                candidates[query].MayHaveMore |= lists[query].Count >= top;
            }
        }
        return candidates;
    }

    private ExactHit<TKey, TRecord>[] Hits(ReadOnlyMemory<float> query, List<TRecord> candidates, int wanted,
        ExactSearchOptions<TRecord> options, Func<RowLabels, bool> keeps)
    {
        var square = ExactScore.Square(query.Span);
        var scored = new List<(TKey Key, TRecord Record, double Score, RowLabels Labels)>(candidates.Count);
        foreach (var record in candidates)
        {
            var (itsKey, row, labels) = (key(record), vector(record), Labels(record) ?? RowLabels.None);
            CheckRow(itsKey, row, query.Length);
            if (keeps(labels) && !(options.DistinctIdentities && labels.Identity is null))
                scored.Add((itsKey, record, ExactScore.Of(Metric, query.Span, square, row.Span), labels));
        }
        scored.Sort((x, y) => x.Score == y.Score ? order.Compare(x.Key, y.Key) : y.Score.CompareTo(x.Score));
        // A store may return a record twice, for example one that was moved meanwhile.
        var once = scored.DistinctBy(hit => hit.Key);
        var kept = options.DistinctIdentities ? once.DistinctBy(hit => hit.Labels.Identity) : once;
        return [.. kept.Take(wanted).Select(hit => Shown(hit.Key, hit.Record, ExactScore.Shown(Metric, hit.Score), hit.Labels))];

        ExactHit<TKey, TRecord> Shown(TKey itsKey, TRecord record, double score, RowLabels labels) =>
            new(itsKey, record, score, labels, Decision?.Decide(score));
    }

    private ExactHit<TKey, TRecord>[] Finished(ReadOnlyMemory<float> query, ExactHit<TKey, TRecord>[] hits, int k, TopReranking? reranking,
        CancellationToken cancellationToken)
    {
        if (reranking is null) return hits.Length <= k ? hits : hits[..k];
        var first = hits[..Math.Min(hits.Length, reranking.Top)];
        var distances = reranking.Distances(Metric, query, Array.ConvertAll(first, hit => vector(hit.Record)), cancellationToken);
        // The sort is stable, so hits of equal distance stay in the order of their scores.
        return [.. first.Zip(distances, (hit, distance) => hit with { RerankedDistance = distance })
            .OrderBy(hit => hit.RerankedDistance).Concat(hits.Skip(first.Length)).Take(k)];
    }

    private async IAsyncEnumerable<TRecord> AllAsync(Expression<Func<TRecord, bool>>? filter,
        [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        foreach (var collection in collections)
            await foreach (var record in collection.GetAsync(filter ?? (_ => true), int.MaxValue,
                new FilteredRecordRetrievalOptions<TRecord> { IncludeVectors = true }, cancellationToken).ConfigureAwait(false))
                yield return record;
    }

    private static IEnumerable<ReadOnlyMemory<float>> Drawn(IReadOnlyList<ReadOnlyMemory<float>> queries, int count, ulong seed)
    {
        int[] order = [.. Enumerable.Range(0, queries.Count)];
        new SeededRandom(seed).Choose(order.AsSpan(), count);
        return order.Take(count).Order().Select(query => queries[query]);
    }

    private void CheckRow(TKey itsKey, ReadOnlyMemory<float> row, int width)
    {
        if (FaultOf(row, width)?.In(nameof(row), $"the record {KeyText.Of(itsKey)}") is { } fault)
            throw new InvalidDataException($"The store returned a record whose vector cannot be compared: {fault.Message}", fault);
    }

    private VectorFault? FaultOf(ReadOnlyMemory<float> vector, int width) => width < 1
        ? new VectorFault("must have at least one number per vector", "none in")
        : VectorFault.Of(new RowShape(Metric, width), vector.Span);
}
