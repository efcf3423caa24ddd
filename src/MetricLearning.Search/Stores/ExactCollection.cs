using System.Linq.Expressions;
using System.Runtime.CompilerServices;
using Microsoft.Extensions.VectorData;

namespace MetricLearning.Search;

/// <summary>A collection of records for Microsoft.Extensions.VectorData. Its vectors are searched exactly, with any filter.</summary>
/// <remarks>
/// <para>Hits are sorted by the float64 scores of the float32 vectors, and equal scores by key, as in <see cref="ExactIndex{TKey}"/>. A
/// search with a filter gives the nearest of all records that the filter keeps.</para>
/// <para>Distance functions: the cosine functions (the default), the dot product functions and the Euclidean functions. Keys: string, int,
/// long, ulong, <see cref="Guid"/> (for an empty one the store makes a new one, which the record gets when it is written). Vectors:
/// <c>ReadOnlyMemory&lt;float&gt;</c>, <c>float[]</c>, <c>Embedding&lt;float&gt;</c>, or any input of an embedding generator; then only
/// the vector is stored, not the input. The index kind of a record definition is ignored.</para>
/// <para>A record is written as a whole. A vector that is null is removed from the store, and so a record that was read without its
/// vectors loses them when it is written back. Read it with <c>IncludeVectors = true</c> before you change it. If an embedding
/// generator makes the vectors, set their inputs again, because the store does not keep them.</para>
/// <para>Filters support <c>==, !=, &lt;, &lt;=, &gt;, &gt;=, &amp;&amp;, ||, !</c>, <c>HasValue</c> and <c>Value</c> of nullable
/// properties, and <c>Contains</c> and <c>Any</c> of lists. Other operators are refused with an error that names them. Values are compared,
/// never references, also if their static type is object, as for the entries of a dictionary. Texts are sorted by code points.</para>
/// <para>A dictionary may have only entries that the definition names, and needs a value for each property whose type is not
/// nullable.</para>
/// <para>Thread safety: any number of threads may call it at once.</para>
/// </remarks>
/// <typeparam name="TKey">The type of keys.</typeparam>
/// <typeparam name="TRecord">The type of records.</typeparam>
public abstract class ExactCollection<TKey, TRecord> : VectorStoreCollection<TKey, TRecord>, IVectorBatchSearch<TRecord>,
    IKnowsVectors<TRecord>, IKnowsPlace where TKey : notnull where TRecord : class
{
    private readonly VectorStoreCollectionMetadata metadata;

    private protected ExactCollection(string name, RecordModel<TKey, TRecord> model, string system, string? store)
    {
        (Name, Model) = (name, model);
        metadata = new VectorStoreCollectionMetadata { CollectionName = name, VectorStoreSystemName = system, VectorStoreName = store };
    }

    /// <inheritdoc/>
    public override string Name { get; }

    internal RecordModel<TKey, TRecord> Model { get; }

    /// <summary>Gets the canaries of the model that filled the collection; null if the collection has none.</summary>
    /// <param name="cancellationToken">Stops the call.</param>
    /// <exception cref="VectorStoreException">The collection does not exist, or the canaries of the store are of another
    /// model.</exception>
    public abstract Task<GalleryCanaries?> GetCanariesAsync(CancellationToken cancellationToken = default);

    /// <summary>Opens a view of the current records; null if the collection does not exist.</summary>
    internal abstract RecordView<TKey, TRecord>? View();

    /// <summary>Writes checked records and makes them durable. If it throws, none is written.</summary>
    internal abstract void Write(IReadOnlyList<StoredRecord<TKey, TRecord>> records);

    /// <summary>Removes records. If it throws, none is removed.</summary>
    internal abstract void Remove(IReadOnlyCollection<TKey> keys);

    object IKnowsPlace.Place => (Store, Name);

    /// <summary>What holds the collection and others of different names; equal for two stores of the same data.</summary>
    private protected abstract object Store { get; }

    SearchMetric? IKnowsVectors<TRecord>.MetricOf(Expression<Func<TRecord, object?>>? vector) => Model.MetricOf(vector);

    EmbeddingSpace? IKnowsVectors<TRecord>.SpaceOf(Expression<Func<TRecord, object?>>? vector) => Model.SpaceOf(vector);

    /// <inheritdoc/>
    public override Task<TRecord?> GetAsync(TKey key, RecordRetrievalOptions? options = null, CancellationToken cancellationToken = default)
    {
        Model.Checked(key, nameof(key));
        cancellationToken.ThrowIfCancellationRequested();
        var withVectors = WithVectors(options?.IncludeVectors ?? false);
        using var view = Existing();
        return Task.FromResult(UnicodeText.IsWholeIn(key) ? view.Find(key, withVectors) : null);
    }

    /// <summary>Gets the records of keys, in the order of the keys. A key that occurs twice gives its record once; a key without a record
    /// gives none.</summary>
    /// <param name="keys">The keys.</param>
    /// <param name="options">Whether the records have their vectors. Default: they do not.</param>
    /// <param name="cancellationToken">Stops the call.</param>
    /// <exception cref="ArgumentNullException">The keys, or one of them, are null.</exception>
    /// <exception cref="ArgumentException">A key has another type than the keys of the collection.</exception>
    /// <exception cref="VectorStoreException">The collection does not exist, or the store cannot read.</exception>
    public override async IAsyncEnumerable<TRecord> GetAsync(IEnumerable<TKey> keys, RecordRetrievalOptions? options = null,
        [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(keys);
        TKey[] given = [.. keys.Select(key => Model.Checked(key, nameof(keys))).Distinct()];
        var withVectors = WithVectors(options?.IncludeVectors ?? false);
        await Task.CompletedTask.ConfigureAwait(false);
        cancellationToken.ThrowIfCancellationRequested();
        using var view = Existing();
        foreach (var key in given)
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (UnicodeText.IsWholeIn(key) && view.Find(key, withVectors) is { } record) yield return record;
        }
    }

    /// <inheritdoc/>
    public override async IAsyncEnumerable<TRecord> GetAsync(Expression<Func<TRecord, bool>> filter, int top,
        FilteredRecordRetrievalOptions<TRecord>? options = null, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(filter);
        Guard.AtLeast(top, 1);
        var keeps = RecordFilter.Compile(Model, filter).Keeps;
        var withVectors = WithVectors(options?.IncludeVectors ?? false);
        using var view = Existing();
        cancellationToken.ThrowIfCancellationRequested();
        var kept = view.All().Where(pair => Keeps(pair.Value)).OrderBy(_ => 0);
        foreach (var sort in options?.OrderBy?.Invoke(new FilteredRecordRetrievalOptions<TRecord>.OrderByDefinition()).Values ?? [])
        {
            var property = Model.Sorting(sort.PropertySelector);
            kept = sort.Ascending ? kept.ThenBy(pair => property.GetValueAsObject(pair.Value), KeyOrder<object>.Default!)
                : kept.ThenByDescending(pair => property.GetValueAsObject(pair.Value), KeyOrder<object>.Default!);
        }
        await Task.CompletedTask.ConfigureAwait(false);
        foreach (var (key, values) in kept.ThenBy(pair => pair.Key, KeyOrder<TKey>.Default!).Skip(options?.Skip ?? 0).Take(top))
        {
            cancellationToken.ThrowIfCancellationRequested();
            yield return view.Shown(key, values, withVectors);
        }

        bool Keeps(TRecord values)
        {
            cancellationToken.ThrowIfCancellationRequested();
            return keeps(values);
        }
    }

    /// <inheritdoc/>
    public override Task UpsertAsync(TRecord record, CancellationToken cancellationToken = default) =>
        UpsertAsync([record], cancellationToken);

    /// <summary>Writes records. If it throws, none is written, and no record has got a key. If a key occurs twice, the last record
    /// counts.</summary>
    /// <param name="records">The records.</param>
    /// <param name="cancellationToken">Stops the call before anything is written.</param>
    /// <exception cref="ArgumentNullException">The records, or one of them, are null.</exception>
    /// <exception cref="ArgumentException">A record has no key, no input of an embedding generator, an entry that is not defined, or no
    /// value of a property that is not nullable; or a text has half of a surrogate pair. Or a vector has another width, is not finite, is
    /// all zeros for the cosine, or does not have length 1 although the embedding space of the program or of the collection says
    /// normalized.</exception>
    /// <exception cref="InvalidDataException">An <see cref="ImageEmbedder"/> cannot read the image of a record. The message names the
    /// record.</exception>
    /// <exception cref="VectorStoreException">The collection does not exist, or the store cannot write.</exception>
    public override async Task UpsertAsync(IEnumerable<TRecord> records, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(records);
        TRecord[] given = [.. records];
        Existing().Dispose();
        var parts = await Model.TakeApartAsync(given, cancellationToken).ConfigureAwait(false);
        Model.Check(parts.Records);
        cancellationToken.ThrowIfCancellationRequested();
        if (parts.Records.Count > 0) Write(parts.Records);
        parts.GiveKeys();
    }

    /// <inheritdoc/>
    public override Task DeleteAsync(TKey key, CancellationToken cancellationToken = default) => DeleteAsync([key], cancellationToken);

    /// <inheritdoc/>
    public override Task DeleteAsync(IEnumerable<TKey> keys, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(keys);
        TKey[] given = [.. keys.Select(key => Model.Checked(key, nameof(keys))).Where(key => UnicodeText.IsWholeIn(key))];
        cancellationToken.ThrowIfCancellationRequested();
        Existing().Dispose();
        if (given.Length > 0) Remove(given);
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public override async IAsyncEnumerable<VectorSearchResult<TRecord>> SearchAsync<TInput>(TInput searchValue, int top,
        VectorSearchOptions<TRecord>? options = null, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(searchValue);
        options ??= new VectorSearchOptions<TRecord>();
        var query = await Model.QueryAsync(searchValue, Model.VectorOf(options), cancellationToken).ConfigureAwait(false);
        foreach (var result in Search([query], nameof(searchValue), top, options, cancellationToken)[0]) yield return result;
    }

    /// <inheritdoc/>
    public Task<IReadOnlyList<IReadOnlyList<VectorSearchResult<TRecord>>>> SearchBatchAsync(IReadOnlyList<ReadOnlyMemory<float>> queries,
        int top, VectorSearchOptions<TRecord>? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(queries);
        return Task.FromResult<IReadOnlyList<IReadOnlyList<VectorSearchResult<TRecord>>>>(
            Search(queries, nameof(queries), top, options ?? new VectorSearchOptions<TRecord>(), cancellationToken));
    }

    /// <inheritdoc/>
    public override object? GetService(Type serviceType, object? serviceKey = null)
    {
        ArgumentNullException.ThrowIfNull(serviceType);
        return serviceKey is not null ? null : serviceType == typeof(VectorStoreCollectionMetadata) ? metadata
            : serviceType.IsInstanceOfType(this) ? this : null;
    }

    private VectorSearchResult<TRecord>[][] Search(IReadOnlyList<ReadOnlyMemory<float>> queries, string name, int top,
        VectorSearchOptions<TRecord> options, CancellationToken cancellationToken)
    {
        Guard.AtLeast(top, 1);
        var vector = Model.VectorOf(options);
        var (distance, withVectors) = (Model.Distances[vector], WithVectors(options.IncludeVectors));
        var reaches = distance.Reaches(options.ScoreThreshold);
        var condition = options.Filter is { } filter ? RecordFilter.Compile(Model, filter) : null;
        Model.CheckLengths(vector, queries, name);
        using var view = Existing();
        var count = (int)Math.Min(int.MaxValue, (long)top + options.Skip);
        var found = view.Search(vector, queries, name, count, condition, cancellationToken);
        return Array.ConvertAll(found, rows => rows.Skip(options.Skip).Select(row => (Row: row, Score: distance.Show(row.Score)))
            .Where(hit => reaches(hit.Score))
            .Select(hit => new VectorSearchResult<TRecord>(view.Shown(hit.Row.Key, hit.Row.Record, withVectors), hit.Score)).ToArray());
    }

    private protected RecordView<TKey, TRecord> Existing() => View() ?? throw new VectorStoreException(
        $"The collection '{Name}' does not exist; call EnsureCollectionExistsAsync first.")
    {
        CollectionName = Name,
        VectorStoreSystemName = metadata.VectorStoreSystemName,
    };

    private bool WithVectors(bool asked) => asked && Model.Generates
        ? throw new NotSupportedException("Vectors that an embedding generator makes cannot be included: the record has no property for "
            + "them.")
        : asked;
}
