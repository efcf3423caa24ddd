using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Computes new distances from the neighborhoods of queries and gallery, and so re-ranks the gallery. If a re-ranker is set as
/// <see cref="RetrievalEvaluator.Reranking"/>, all figures are those of the new order.</summary>
/// <remarks>
/// <para>The same input gives the same output for any number of threads. Ties are broken by index.</para>
/// <para>Long calls report the share of the work that is done, from 0 to 1 and rising, on the calling thread; the last report is 1. They
/// check their cancellation token after each tile of scores and each block of rows. A canceled call frees all its tensors and has changed
/// nothing.</para>
/// <para>Thread safety: immutable; any number of threads may use it at once.</para>
/// </remarks>
public abstract record Reranker
{
    private protected Reranker() { }

    /// <summary>The distance by which the neighborhoods are found.</summary>
    internal abstract Distance First { get; }

    /// <summary>Re-ranks a gallery for queries.</summary>
    /// <param name="query">[Q, D].</param>
    /// <param name="gallery">[G, D], of the same type and on the same device.</param>
    /// <param name="progress">Receives the share of the work that is done, from 0 to 1. Default: null, no reports.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <returns>The new distances [Q, G], computed on request.</returns>
    /// <exception cref="ArgumentException">Widths, types or devices differ, a feature is not finite, or rows are so long or so far apart
    /// that a square overflows; the message names the row.</exception>
    /// <exception cref="InvalidOperationException">The lists of neighbors have more entries than an array can hold.</exception>
    /// <exception cref="OperationCanceledException">The call was canceled.</exception>
    public RerankedDistances Rerank(Tensor query, Tensor gallery, IProgress<double>? progress = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(gallery);
        return Rerank(query, gallery, CallProgress.Begin(progress, cancellationToken));
    }

    /// <summary>Re-ranks a set for each of its own rows. Each row is counted once, and its distance to itself is included.</summary>
    /// <param name="features">[N, D].</param>
    /// <param name="progress">Receives the share of the work that is done, from 0 to 1. Default: null, no reports.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <returns>The new distances [N, N], computed on request.</returns>
    /// <exception cref="ArgumentException">The features are not [N, D], one is not finite, or rows are so long or so far apart that a
    /// square overflows; the message names the row.</exception>
    /// <exception cref="InvalidOperationException">The lists of neighbors have more entries than an array can hold.</exception>
    /// <exception cref="OperationCanceledException">The call was canceled.</exception>
    public RerankedDistances Rerank(Tensor features, IProgress<double>? progress = null, CancellationToken cancellationToken = default) =>
        Rerank(features, gallery: null, CallProgress.Begin(progress, cancellationToken), nameof(features));

    /// <summary>Re-ranks a gallery for queries, or without a gallery a set for its own rows.</summary>
    /// <param name="query">The queries, or the one set.</param>
    /// <param name="gallery">The gallery; null for one set.</param>
    /// <param name="progress">The call.</param>
    /// <param name="set">The public argument that the one set comes from.</param>
    internal RerankedDistances Rerank(Tensor query, Tensor? gallery, CallProgress progress, string set = "features")
    {
        if (gallery is null) Guard.Matrix(query, set);
        else Guard.SameWidth(query, gallery);
        Guard.Finite(query, gallery is null ? set : nameof(query));
        if (gallery is not null) Guard.Finite(gallery);
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        var rows = Plain(query);
        var distances = gallery is null ? RerankCore(rows, queries: null, new(set), progress)
            : RerankCore(cat([rows, Plain(gallery)]), (int)query.size(0), new(nameof(query), (int)query.size(0), nameof(gallery)),
                progress);
        progress.Done();
        return distances.MoveToOuterDisposeScope();
    }

    /// <summary>Re-ranks features [N, D] in float32 or float64 that belong to the current dispose scope.</summary>
    /// <param name="features">The rows of the queries, then those of the gallery; or the rows of one set that is both.</param>
    /// <param name="queries">How many of the rows are queries; null for one set.</param>
    /// <param name="origin">The arguments that the rows come from, for messages.</param>
    /// <param name="progress">The call.</param>
    private protected abstract RerankedDistances RerankCore(Tensor features, int? queries, RowOrigin origin, CallProgress progress);

    private static Tensor Plain(Tensor features) => RowMath.Widen(features.detach()).contiguous();
}
