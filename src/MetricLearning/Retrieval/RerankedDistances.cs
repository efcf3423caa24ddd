using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Distances of queries to a gallery after re-ranking. They are computed row by row on request. The stored data are sparse, O((Q +
/// G) · k).</summary>
/// <remarks>
/// <para>It holds the features without a copy. Like a tensor, it belongs to the dispose scope in which it was made; without a scope,
/// dispose it.</para>
/// <para>Thread safety: immutable; any number of threads may use it at once, until one of them disposes it.</para>
/// </remarks>
public sealed class RerankedDistances : IDisposable
{
    private readonly Func<int, int, Tensor> rows;
    private readonly Func<ScoreSource>? scores;
    private readonly Tensor[] held;
    private volatile bool isDisposed;

    /// <param name="queries">Q.</param>
    /// <param name="gallery">G.</param>
    /// <param name="heldBytes">The bytes that are kept.</param>
    /// <param name="rows">Takes a first row and a count, and returns these rows, float64 [count, G].</param>
    /// <param name="scores">Makes a source of scores whose keys are the same distances, and whose tiles cost less than the rows; null if
    /// there is none.</param>
    /// <param name="held">Tensors that these functions need.</param>
    internal RerankedDistances(int queries, int gallery, long heldBytes, Func<int, int, Tensor> rows,
        Func<ScoreSource>? scores = null, params Tensor[] held) =>
        (Queries, Gallery, HeldBytes, this.rows, this.scores, this.held) = (queries, gallery, heldBytes, rows, scores, held);

    /// <summary>The number of queries, Q.</summary>
    public int Queries { get; }

    /// <summary>The number of gallery rows, G.</summary>
    public int Gallery { get; }

    /// <summary>The number of stored bytes in addition to the features.</summary>
    public long HeldBytes { get; }

    /// <summary>The distances of some queries to the whole gallery; smaller is nearer.</summary>
    /// <param name="first">The first query.</param>
    /// <param name="count">The number of queries.</param>
    /// <returns>float64 [count, G] on the CPU, which the caller disposes.</returns>
    /// <exception cref="ArgumentOutOfRangeException">There are no such queries.</exception>
    /// <exception cref="ObjectDisposedException">It has been disposed, or its dispose scope has ended.</exception>
    public Tensor Rows(int first, int count)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(first);
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, Queries - first);
        RequireInUse();
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        return rows(first, count).MoveToOuterDisposeScope();
    }

    /// <summary>Computes all distances at once. This needs memory for Q · G numbers.</summary>
    /// <param name="type">Their type, floating point. Default: float32.</param>
    /// <param name="progress">Receives the share of the rows that are done, from 0 to 1. Default: null, no reports.</param>
    /// <param name="cancellationToken">Cancels the call; it is checked after each block of rows.</param>
    /// <returns>[Q, G] on the CPU, which the caller disposes.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The type is not floating point.</exception>
    /// <exception cref="ObjectDisposedException">It has been disposed, or its dispose scope has ended.</exception>
    /// <exception cref="OperationCanceledException">The call was canceled.</exception>
    public Tensor Matrix(ScalarType type = ScalarType.Float32, IProgress<double>? progress = null,
        CancellationToken cancellationToken = default)
    {
        const int block = 256;
        if (type is not (ScalarType.Float16 or ScalarType.BFloat16 or ScalarType.Float32 or ScalarType.Float64))
            throw new ArgumentOutOfRangeException(nameof(type), type, "type must be floating point.");
        var call = CallProgress.Begin(progress, cancellationToken);
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        var all = empty(Queries, Gallery, type);
        for (var first = 0; first < Queries; first += block)
        {
            using var blockScope = NewDisposeScope();
            var count = Math.Min(block, Queries - first);
            all.narrow(0, first, count).copy_(Rows(first, count));
            call.Report((double)(first + count) / Queries);
        }
        call.Done();
        return all.MoveToOuterDisposeScope();
    }

    /// <summary>Frees the features.</summary>
    public void Dispose()
    {
        isDisposed = true;
        foreach (var tensor in held) tensor.Dispose();
    }

    /// <summary>The same distances, for ranking.</summary>
    internal ScoreSource Scores()
    {
        RequireInUse();
        return scores is null ? RowScores.Of(this) : scores();
    }

    private void RequireInUse()
    {
        ObjectDisposedException.ThrowIf(isDisposed, this);
        foreach (var tensor in held) Guard.Owned(tensor, this);     // the dispose scope of the tensors may have ended
    }

    internal RerankedDistances MoveToOuterDisposeScope()
    {
        foreach (var tensor in held) tensor.MoveToOuterDisposeScope();
        return this;
    }
}
