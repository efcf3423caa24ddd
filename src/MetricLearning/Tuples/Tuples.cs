using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Says which embeddings are compared: rows of the batch (anchors) with columns of the references. Tuples are <see cref="Pairs"/>
/// or <see cref="Triplets"/>, and each converts to the other.</summary>
/// <remarks>They own their tensors and free them when disposed.
/// <para>Thread safety: immutable; any number of threads may read them at once. Dispose them when no thread reads them any
/// more.</para></remarks>
public abstract class Tuples : IDisposable
{
    private protected Tuples(long rows, long columns) => (Rows, Columns) = (rows, columns);

    /// <summary>The number of rows N of the distance matrix: the batch.</summary>
    public long Rows { get; }

    /// <summary>The number of columns M of the distance matrix: the references, which may be the batch itself.</summary>
    public long Columns { get; }

    /// <summary>The number of triplets, or of positive pairs plus negative pairs.</summary>
    /// <remarks>For pairs, each call counts the masks in O(N·M). On a device other than the CPU the host waits for the count.</remarks>
    public abstract long Count { get; }

    /// <summary>Converts to masks. A pair that several triplets share occurs once.</summary>
    /// <returns>The pairs, which the caller disposes; this object itself if it holds pairs.</returns>
    public abstract Pairs AsPairs();

    /// <summary>Converts to triplets. Pairs with the same anchor are joined: each positive of an anchor with each of its
    /// negatives.</summary>
    /// <returns>The triplets, which the caller disposes; this object itself if it holds triplets.</returns>
    /// <exception cref="InvalidOperationException">The triplets need more memory than the process has.</exception>
    public abstract Triplets AsTriplets();

    /// <summary>The positive pairs as row and column indices, int64 [K] each. Each triplet gives one entry. The caller disposes
    /// them.</summary>
    public abstract (Tensor Rows, Tensor Columns) PositivePairs();

    /// <summary>The negative pairs as row and column indices, int64 [K] each. Each triplet gives one entry. The caller disposes
    /// them.</summary>
    public abstract (Tensor Rows, Tensor Columns) NegativePairs();

    /// <summary>Frees the tensors. Autograd keeps what it needs.</summary>
    public void Dispose()
    {
        foreach (var tensor in Tensors) tensor.Dispose();
        GC.SuppressFinalize(this);
    }

    /// <summary>[N]: the number of tuples that contain each row, divided by the largest such number. Rows and columns are one set; a
    /// triplet counts for each of its three rows.</summary>
    internal Tensor Shares(ScalarType dtype)
    {
        var (positiveRows, positiveColumns) = PositivePairs();
        var (negativeRows, negativeColumns) = NegativePairs();
        Tensor[] members = this is Triplets
            ? [positiveRows, positiveColumns, negativeColumns]
            : [positiveRows, positiveColumns, negativeRows, negativeColumns];
        var counts = bincount(cat(members), minlength: (int)Rows).to(dtype);
        return counts / counts.max().clamp_min(S(1));
    }

    internal Device Device => Tensors.First().device;

    /// <summary>Refuses indices that point outside the matrix. They are checked only on the CPU, because on another device the host would
    /// have to wait.</summary>
    internal virtual void RequireInRange() { }

    /// <summary>The same tuples with tensor handles of their own: these live on when this object is disposed.</summary>
    internal abstract Tuples Alias();

    private protected abstract IEnumerable<Tensor> Tensors { get; }

    internal void MoveToOuterDisposeScope()
    {
        foreach (var tensor in Tensors) tensor.MoveToOuterDisposeScope();
    }

    internal void DetachFromDisposeScope()
    {
        foreach (var tensor in Tensors) tensor.DetachFromDisposeScope();
    }
}
