using Microsoft.Extensions.VectorData;

namespace MetricLearning.Search;

/// <summary>A collection that can search for many vectors in one call. The abstractions of Microsoft.Extensions.VectorData lack
/// this.</summary>
/// <typeparam name="TRecord">The type of records.</typeparam>
public interface IVectorBatchSearch<TRecord> where TRecord : class
{
    /// <summary>Searches for many vectors at once. This is much faster than one at a time.</summary>
    /// <param name="queries">[D] each.</param>
    /// <param name="top">The number of records to return for each query, at least 1.</param>
    /// <param name="options">The options of the search, which apply to every query. Default: null, none.</param>
    /// <param name="cancellationToken">Stops the search.</param>
    /// <returns>The hits of each query.</returns>
    /// <exception cref="ArgumentNullException">The queries are null.</exception>
    /// <exception cref="ArgumentException">A query has another width, is not finite, or is all zeros for the cosine. The message names
    /// it.</exception>
    /// <exception cref="ArgumentOutOfRangeException">top is below 1.</exception>
    /// <exception cref="VectorStoreException">The collection does not exist.</exception>
    Task<IReadOnlyList<IReadOnlyList<VectorSearchResult<TRecord>>>> SearchBatchAsync(IReadOnlyList<ReadOnlyMemory<float>> queries, int top,
        VectorSearchOptions<TRecord>? options = null, CancellationToken cancellationToken = default);
}
