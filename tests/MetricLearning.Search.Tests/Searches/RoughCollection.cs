using System.Linq.Expressions;
using Microsoft.Extensions.VectorData;

namespace MetricLearning.Search.Tests;

/// <summary>Acts as another vendor's collection with an approximate index: it returns the farthest candidate first, never finds every tenth
/// record, and has no batches. By wish it returns each record twice.</summary>
internal sealed class RoughCollection(VectorStoreCollection<int, Thing> inner) : VectorStoreCollection<int, Thing>
{
    /// <summary>The number of candidates that each call asked for.</summary>
    public List<int> Asked { get; } = [];

    /// <summary>Whether it returns each record twice.</summary>
    public bool Repeats { get; init; }

    public override string Name => inner.Name;

    public static bool Finds(int key) => key % 10 != 0;

    public override async IAsyncEnumerable<VectorSearchResult<Thing>> SearchAsync<TInput>(TInput searchValue, int top,
        VectorSearchOptions<Thing>? options = null,
        [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        lock (Asked) Asked.Add(top);
        var found = await inner.SearchAsync(searchValue, 1000, options, cancellationToken).ToListAsync(cancellationToken);
        var times = Repeats ? 2 : 1;
        foreach (var hit in found.Where(hit => Finds(hit.Record.Id)).SelectMany(hit => Enumerable.Repeat(hit, times)).Take(top).Reverse())
            yield return new VectorSearchResult<Thing>(hit.Record, score: null);
    }

    public override IAsyncEnumerable<Thing> GetAsync(Expression<Func<Thing, bool>> filter, int top,
        FilteredRecordRetrievalOptions<Thing>? options = null, CancellationToken cancellationToken = default) =>
        inner.GetAsync(filter, top, options, cancellationToken);

    public override Task<Thing?> GetAsync(int key, RecordRetrievalOptions? options = null, CancellationToken cancellationToken = default) =>
        inner.GetAsync(key, options, cancellationToken);

    public override Task<bool> CollectionExistsAsync(CancellationToken cancellationToken = default) =>
        inner.CollectionExistsAsync(cancellationToken);

    public override Task EnsureCollectionExistsAsync(CancellationToken cancellationToken = default) =>
        inner.EnsureCollectionExistsAsync(cancellationToken);

    public override Task EnsureCollectionDeletedAsync(CancellationToken cancellationToken = default) =>
        inner.EnsureCollectionDeletedAsync(cancellationToken);

    public override Task UpsertAsync(Thing record, CancellationToken cancellationToken = default) =>
        inner.UpsertAsync(record, cancellationToken);

    public override Task UpsertAsync(IEnumerable<Thing> records, CancellationToken cancellationToken = default) =>
        inner.UpsertAsync(records, cancellationToken);

    public override Task DeleteAsync(int key, CancellationToken cancellationToken = default) => inner.DeleteAsync(key, cancellationToken);

    public override object? GetService(Type serviceType, object? serviceKey = null) => inner.GetService(serviceType, serviceKey);
}
