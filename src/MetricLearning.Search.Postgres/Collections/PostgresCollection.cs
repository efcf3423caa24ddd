using System.Linq.Expressions;
using System.Runtime.CompilerServices;
using Microsoft.Extensions.VectorData;
using Npgsql;

namespace MetricLearning.Search;

/// <summary>A collection of a <see cref="PostgresVectorStore"/>: a table whose columns are the properties of records.</summary>
/// <remarks>
/// <para>Searches are exact by default. The server reads all rows that the filter keeps. Hits are sorted by the float64 scores of the
/// float32 vectors, and equal scores by key, as in <see cref="ExactIndex{TKey}"/>. The server compares in float32, so it returns more rows
/// than needed, and a proven bound of its error says how many rows are enough.</para>
/// <para>A vector property with the index kind <c>Hnsw</c> is searched with an HNSW index of pgvector. Its answers are exact among the
/// candidates that the index finds, but the index may miss some. With a filter, the index continues until it has enough candidates or has
/// read <c>hnsw.max_scan_tuples</c> rows. Measure the recall with
/// <see cref="ExactSearch{TKey, TRecord}.MeasureRecallAsync"/>.</para>
/// <para>Distance functions, keys, vectors and filters are those of <see cref="ExactCollection{TKey, TRecord}"/>. Conversions in filters
/// must not lose digits. Texts must not have the character U+0000. Vectors have at most 16,000 dimensions. Their Euclidean norm must be at
/// most 10¹⁸, and for the cosine at least 10⁻¹⁵. A record is written as a whole. A record that was read without its vectors loses them when
/// it is written back.</para>
/// <para>Times are stored as ticks of 100 ns in a column of type bigint. The offset of a <see cref="DateTimeOffset"/> and the kind of a
/// <see cref="DateTime"/> have their own columns.</para>
/// <para>Thread safety: any number of threads may call it at once.</para>
/// </remarks>
/// <typeparam name="TKey">The type of keys.</typeparam>
/// <typeparam name="TRecord">The type of records.</typeparam>
public sealed class PostgresCollection<TKey, TRecord> : VectorStoreCollection<TKey, TRecord>, IVectorBatchSearch<TRecord>,
    IKnowsVectors<TRecord>, IKnowsPlace where TKey : notnull where TRecord : class
{
    private readonly VectorStoreCollectionMetadata metadata;
    private readonly PostgresVectorStore store;
    private readonly RecordColumns<TKey, TRecord> columns;
    private readonly CollectionTable<TKey, TRecord> table;

    internal PostgresCollection(string name, RecordModel<TKey, TRecord> model, PostgresVectorStore store)
    {
        (Name, this.store) = (name, store);
        columns = new RecordColumns<TKey, TRecord>(model);
        table = new CollectionTable<TKey, TRecord>(name, columns, store.Server, store.Collections, store.EmbeddingSpace,
            store.Canaries);
        metadata = new VectorStoreCollectionMetadata
        {
            CollectionName = name, VectorStoreSystemName = PostgresVectorStore.SystemName,
            VectorStoreName = store.Metadata.VectorStoreName,
        };
    }

    /// <inheritdoc/>
    public override string Name { get; }

    private RecordModel<TKey, TRecord> Model => columns.Model;

    object IKnowsPlace.Place => (store.Server.Place, store.Schema, Name);

    SearchMetric? IKnowsVectors<TRecord>.MetricOf(Expression<Func<TRecord, object?>>? vector) => Model.MetricOf(vector);

    EmbeddingSpace? IKnowsVectors<TRecord>.SpaceOf(Expression<Func<TRecord, object?>>? vector) => Model.SpaceOf(vector);

    /// <inheritdoc/>
    public override Task<bool> CollectionExistsAsync(CancellationToken cancellationToken = default) =>
        store.CollectionExistsAsync(Name, cancellationToken);

    /// <summary>Creates the table and its indexes if they do not exist. An HNSW index is built from the existing rows; nobody can write
    /// while it is built. The building may take longer than the <c>Command Timeout</c> of the connection string. If nothing is missing,
    /// nothing is written, so a database user that may only read can call it.</summary>
    /// <param name="cancellationToken">Stops the call.</param>
    /// <exception cref="VectorStoreException">The schema has another table of this name, the collection has other records or vectors of
    /// another embedding space, or the server fails.</exception>
    public override Task EnsureCollectionExistsAsync(CancellationToken cancellationToken = default) =>
        table.EnsureAsync(store.Partitions, cancellationToken);

    /// <inheritdoc/>
    public override Task EnsureCollectionDeletedAsync(CancellationToken cancellationToken = default) =>
        store.EnsureCollectionDeletedAsync(Name, cancellationToken);

    /// <summary>Gets the canaries of the model that filled the collection; null if the collection has none.</summary>
    /// <param name="cancellationToken">Stops the call.</param>
    /// <exception cref="VectorStoreException">The collection does not exist, the canaries of the store are of another model, or the server
    /// fails.</exception>
    public Task<GalleryCanaries?> GetCanariesAsync(CancellationToken cancellationToken = default) => table.CanariesAsync(cancellationToken);

    /// <inheritdoc/>
    public override async Task<TRecord?> GetAsync(TKey key, RecordRetrievalOptions? options = null,
        CancellationToken cancellationToken = default)
    {
        Model.Checked(key, nameof(key));
        await foreach (var record in FindAsync(Storable([key]), options, cancellationToken).ConfigureAwait(false)) return record;
        return null;
    }

    /// <summary>Gets the records of keys, in the order of the keys. A key that occurs twice gives its record once; a key without a record
    /// gives none.</summary>
    /// <param name="keys">The keys.</param>
    /// <param name="options">Whether the records have their vectors. Default: they do not.</param>
    /// <param name="cancellationToken">Stops the call.</param>
    /// <exception cref="ArgumentNullException">The keys, or one of them, are null.</exception>
    /// <exception cref="ArgumentException">A key has another type than the keys of the collection.</exception>
    /// <exception cref="VectorStoreException">The collection does not exist, or the server fails.</exception>
    public override IAsyncEnumerable<TRecord> GetAsync(IEnumerable<TKey> keys, RecordRetrievalOptions? options = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(keys);
        return FindAsync(Storable(keys), options, cancellationToken);
    }

    /// <inheritdoc/>
    public override async IAsyncEnumerable<TRecord> GetAsync(Expression<Func<TRecord, bool>> filter, int top,
        FilteredRecordRetrievalOptions<TRecord>? options = null,
        [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(filter);
        Guard.AtLeast(top, 1);
        var withVectors = WithVectors(options?.IncludeVectors ?? false);
        var sorts = options?.OrderBy?.Invoke(new FilteredRecordRetrievalOptions<TRecord>.OrderByDefinition()).Values ?? [];
        var order = string.Concat(sorts.Select(sort =>
            RecordColumns<TKey, TRecord>.Sort(Model.Sorting(sort.PropertySelector), sort.Ascending)));
        var lists = await table.ReadAsync("get", () =>
        {
            var parameters = new List<NpgsqlParameter>();
            var kept = SqlFilter<TKey, TRecord>.Of(Model, filter, parameters);
            var command = new NpgsqlBatchCommand($"{Select(withVectors)} WHERE {kept} ORDER BY {order}{columns.Key} "
                + $"LIMIT {top} OFFSET {options?.Skip ?? 0}");
            foreach (var parameter in parameters) command.Parameters.Add(parameter);
            return [command];
        }, [], reader => columns.Read(reader, withVectors), cancellationToken).ConfigureAwait(false);
        foreach (var record in lists[0]) yield return record;
    }

    /// <inheritdoc/>
    public override Task UpsertAsync(TRecord record, CancellationToken cancellationToken = default) =>
        UpsertAsync([record], cancellationToken);

    /// <summary>Writes records in one transaction. If it throws, none is written. If a key occurs twice, the last record
    /// counts.</summary>
    /// <param name="records">The records.</param>
    /// <param name="cancellationToken">Stops the call, until the server commits. Then nothing is written.</param>
    /// <exception cref="ArgumentNullException">The records, or one of them, are null.</exception>
    /// <exception cref="ArgumentException">A record has no key, no input of an embedding generator, an entry that is not defined, no value
    /// of a property that is not nullable, or a text that PostgreSQL cannot store. Or a vector has another width, is not finite, is all
    /// zeros for the cosine, has a Euclidean norm outside of the allowed range, or does not have length 1 although the embedding space of
    /// the program or of the collection says normalized.</exception>
    /// <exception cref="InvalidDataException">An <see cref="ImageEmbedder"/> cannot read the image of a record. The message names the
    /// record.</exception>
    /// <exception cref="VectorStoreException">The collection does not exist, or the server cannot write.</exception>
    public override async Task UpsertAsync(IEnumerable<TRecord> records, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(records);
        cancellationToken.ThrowIfCancellationRequested();
        TRecord[] given = [.. records];
        var parts = await Model.TakeApartAsync(given, cancellationToken).ConfigureAwait(false);
        foreach (var record in parts.Records) columns.Check(record);
        if (parts.Records.Count > 0) await table.WriteAsync(parts.Records, cancellationToken).ConfigureAwait(false);
        parts.GiveKeys();
    }

    /// <inheritdoc/>
    public override Task DeleteAsync(TKey key, CancellationToken cancellationToken = default) => DeleteAsync([key], cancellationToken);

    /// <inheritdoc/>
    public override async Task DeleteAsync(IEnumerable<TKey> keys, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(keys);
        cancellationToken.ThrowIfCancellationRequested();
        var given = Storable(keys);
        if (given.Length > 0) await table.RemoveAsync(given, cancellationToken).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public override async IAsyncEnumerable<VectorSearchResult<TRecord>> SearchAsync<TInput>(TInput searchValue, int top,
        VectorSearchOptions<TRecord>? options = null, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(searchValue);
        options ??= new VectorSearchOptions<TRecord>();
        var query = await Model.QueryAsync(searchValue, Model.VectorOf(options), cancellationToken).ConfigureAwait(false);
        var found = await SearchAsync([query], nameof(searchValue), top, options, cancellationToken).ConfigureAwait(false);
        foreach (var result in found[0]) yield return result;
    }

    /// <inheritdoc/>
    public async Task<IReadOnlyList<IReadOnlyList<VectorSearchResult<TRecord>>>> SearchBatchAsync(
        IReadOnlyList<ReadOnlyMemory<float>> queries, int top, VectorSearchOptions<TRecord>? options = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(queries);
        return await SearchAsync(queries, nameof(queries), top, options ?? new VectorSearchOptions<TRecord>(), cancellationToken)
            .ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public override object? GetService(Type serviceType, object? serviceKey = null)
    {
        ArgumentNullException.ThrowIfNull(serviceType);
        return serviceKey is not null ? null : serviceType == typeof(VectorStoreCollectionMetadata) ? metadata
            : serviceType.IsInstanceOfType(this) ? this : store.GetService(serviceType);
    }

    private async Task<VectorSearchResult<TRecord>[][]> SearchAsync(IReadOnlyList<ReadOnlyMemory<float>> queries, string name, int top,
        VectorSearchOptions<TRecord> options, CancellationToken cancellationToken)
    {
        Guard.AtLeast(top, 1);
        var vector = Model.VectorOf(options);
        var (distance, withVectors) = (Model.Distances[vector], WithVectors(options.IncludeVectors));
        var reaches = distance.Reaches(options.ScoreThreshold);
        for (var i = 0; i < queries.Count; i++)
            if (ServerBounds.Fault(columns.Shapes[vector], queries[i].Span) is { } fault) throw fault.In(name, $"query {i}");
        Model.CheckLengths(vector, queries, name);
        cancellationToken.ThrowIfCancellationRequested();
        if (queries.Count == 0) return [];
        var search = new VectorSearch<TKey, TRecord>(columns, table, vector);
        var count = (int)Math.Min(int.MaxValue, (long)top + options.Skip);
        var found = await (columns.Indexed[vector] && store.UsesIndexes
            ? search.ByIndexAsync(queries, count, store.IndexCandidates, options.Filter, withVectors, cancellationToken)
            : search.ExactAsync(queries, count, options.Filter, withVectors, cancellationToken)).ConfigureAwait(false);
        return Array.ConvertAll(found, list => list.Skip(options.Skip).Select(hit => (hit.Record, Score: distance.Show(hit.Score)))
            .Where(hit => reaches(hit.Score))
            .Select(hit => new VectorSearchResult<TRecord>(hit.Record, hit.Score)).ToArray());
    }

    private async IAsyncEnumerable<TRecord> FindAsync(TKey[] keys, RecordRetrievalOptions? options,
        [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var withVectors = WithVectors(options?.IncludeVectors ?? false);
        cancellationToken.ThrowIfCancellationRequested();
        if (keys.Length == 0) yield break;
        var lists = await table.ReadAsync("get", () => [new($"{Select(withVectors)} WHERE {columns.Key} = ANY($1)")
        {
            Parameters = { columns.KeysParameter(keys) },
        }], [], reader => columns.Read(reader, withVectors), cancellationToken).ConfigureAwait(false);
        var found = lists[0].ToDictionary(columns.KeyOf);
        foreach (var key in keys)
            if (found.Remove(key, out var record)) yield return record;
    }

    /// <summary>The keys that the table can have.</summary>
    private TKey[] Storable(IEnumerable<TKey> keys) =>
        [.. keys.Select(key => Model.Checked(key, nameof(keys))).Where(key => StoredText.CanKeepValue(key))];

    private string Select(bool withVectors) => $"SELECT {columns.DataNames}{(withVectors ? columns.VectorList : "")} FROM {table.Table}";

    private bool WithVectors(bool asked) => asked && Model.Generates
        ? throw new NotSupportedException("Vectors that an embedding generator makes cannot be included: the record has no property for "
            + "them.")
        : asked;
}
