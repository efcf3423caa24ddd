using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Which embeddings meet: rows of the batch (anchors) with columns of the references. Pairs or triplets; each converts to the
/// other.</summary>
public abstract class Tuples : IDisposable
{
    private protected Tuples(long rows, long columns) => (Rows, Columns) = (rows, columns);

    /// <summary>Rows of the distance matrix that is indexed: the batch.</summary>
    public long Rows { get; }

    /// <summary>Columns of the distance matrix that is indexed: the references, which may be the batch itself.</summary>
    public long Columns { get; }

    /// <summary>As masks. Triplets that share a pair give it once.</summary>
    /// <returns>The pairs; this object itself where it holds pairs.</returns>
    public abstract Pairs AsPairs();

    /// <summary>As triplets. Pairs are joined on equal anchors: every positive of an anchor with every negative of it.</summary>
    /// <returns>The triplets; this object itself where it holds triplets.</returns>
    public abstract Triplets AsTriplets();

    /// <summary>The positive pairs as row and column indices, int64 [K] each; one entry for every triplet where this holds
    /// triplets.</summary>
    public abstract (Tensor Rows, Tensor Columns) PositivePairs();

    /// <summary>The negative pairs as row and column indices, int64 [K] each; one entry for every triplet where this holds
    /// triplets.</summary>
    public abstract (Tensor Rows, Tensor Columns) NegativePairs();

    /// <summary>Frees the tensors.</summary>
    public void Dispose()
    {
        foreach (var tensor in Tensors) tensor.Dispose();
        GC.SuppressFinalize(this);
    }

    /// <summary>[N]: how often each row is in tuples over rows and columns of one set, ÷ the most; each row of a triplet counts
    /// once.</summary>
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

    /// <summary>On the CPU, where it costs nothing, indices that point outside the matrix are named.</summary>
    internal virtual void RequireInRange() { }

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
