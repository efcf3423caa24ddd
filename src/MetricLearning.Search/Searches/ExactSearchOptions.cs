using System.Linq.Expressions;

namespace MetricLearning.Search;

/// <summary>Options of a search with <see cref="ExactSearch{TKey, TRecord}"/>.</summary>
/// <remarks>Thread safety: immutable; any number of threads may use it at once.</remarks>
/// <typeparam name="TRecord">The type of records.</typeparam>
public sealed record ExactSearchOptions<TRecord>
{
    /// <summary>Which records may be found. The store applies it. Default: null, all.</summary>
    public Expression<Func<TRecord, bool>>? Filter { get; init; }

    /// <summary>Removes records that a query may not find, such as those of its own camera. Default: null, it may find all.</summary>
    public RetrievalProtocol? Protocol { get; init; }

    /// <summary>Whether each identity is returned only once, with its nearest record. Records without an identity are then ignored.
    /// Default: false.</summary>
    public bool DistinctIdentities { get; init; }

    /// <summary>How the nearest hits are re-ranked. Default: null, they are not.</summary>
    public TopReranking? Reranking { get; init; }
}
