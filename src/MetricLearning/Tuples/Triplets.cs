using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Triplets as indices: row <c>Anchors[k]</c> should be nearer to column <c>Positives[k]</c> than to column
/// <c>Negatives[k]</c>.</summary>
public sealed class Triplets : Tuples
{
    private readonly Tensor anchors, positives, negatives;

    /// <summary>A reference, so that a thread sees all three arrays or none.</summary>
    private Arrays? indices;

    /// <summary>Creates triplets and takes ownership of the index tensors.</summary>
    /// <param name="anchors">int64 [K], indices of rows of the batch.</param>
    /// <param name="positives">int64 [K], indices of rows of the references (which may be the batch itself).</param>
    /// <param name="negatives">int64 [K], indices of rows of the references.</param>
    /// <param name="rows">The number of rows of the batch, 0 or more.</param>
    /// <param name="columns">The number of rows of the references, 0 or more; that of the batch if they are the batch itself.</param>
    /// <exception cref="ArgumentException">The indices are null or not int64 of one length, or a number of rows is negative.</exception>
    public Triplets(Tensor anchors, Tensor positives, Tensor negatives, long rows, long columns)
        : base(Guard.AtLeast(rows, 0), Guard.AtLeast(columns, 0))
    {
        Guard.Alive(anchors);
        this.anchors = Guard.Indices(anchors, anchors.dim() == 1 ? anchors.size(0) : 0);
        (this.positives, this.negatives) = (Guard.Indices(positives, anchors.size(0)), Guard.Indices(negatives, anchors.size(0)));
    }

    /// <summary>Creates triplets on the CPU whose indices are known to be in range, and takes ownership of the arrays.</summary>
    internal Triplets(long[] anchors, long[] positives, long[] negatives, long rows, long columns) : base(rows, columns)
    {
        indices = new(anchors, positives, negatives);
        (this.anchors, this.positives, this.negatives) = (tensor(anchors), tensor(positives), tensor(negatives));
    }

    /// <summary>int64 [K]: the row of each anchor.</summary>
    /// <exception cref="ObjectDisposedException">The object has been disposed.</exception>
    public Tensor Anchors => Guard.Owned(anchors, this);

    /// <summary>int64 [K]: the column of each positive.</summary>
    /// <exception cref="ObjectDisposedException">The object has been disposed.</exception>
    public Tensor Positives => Guard.Owned(positives, this);

    /// <summary>int64 [K]: the column of each negative.</summary>
    /// <exception cref="ObjectDisposedException">The object has been disposed.</exception>
    public Tensor Negatives => Guard.Owned(negatives, this);

    /// <summary>The indices as arrays, checked to be in range; for a batch on the CPU.</summary>
    /// <exception cref="ArgumentException">An index is out of range; the message names it.</exception>
    internal (long[] Anchors, long[] Positives, long[] Negatives) Indices
    {
        get
        {
            var (anchors, positives, negatives) = indices ??= new(TensorMemory.Indices(Anchors, Rows, "anchors"),
                TensorMemory.Indices(Positives, Columns, "positives"), TensorMemory.Indices(Negatives, Columns, "negatives"));
            return (anchors, positives, negatives);
        }
    }

    /// <inheritdoc/>
    public override long Count => Anchors.size(0);

    /// <summary>Makes the triplets of a batch that has three parts: B anchors, then their B positives, then their B negatives.</summary>
    /// <param name="rows">The number of rows of the batch, 3B.</param>
    /// <param name="device">The device of the batch; null for the CPU.</param>
    /// <returns>B triplets, which the caller disposes.</returns>
    /// <exception cref="ArgumentException">The number of rows is negative or not a multiple of three.</exception>
    public static Triplets Packed(long rows, Device? device = null)
    {
        Guard.AtLeast(rows, 0);
        if (rows % 3 != 0) throw new ArgumentException($"rows must be a multiple of 3 (anchors, positives, negatives), got {rows}.",
            nameof(rows));
        var third = rows / 3;
        Tensor Third(long i) => Iota(i * third, (i + 1) * third, device);
        return new(Third(0), Third(1), Third(2), rows, rows);
    }

    /// <summary>Makes the triplets of a batch with the order anchor, positive, negative, anchor, positive, ...
    /// (<see cref="FixedTripletsSampler"/>).</summary>
    /// <param name="rows">The number of rows of the batch, 3B.</param>
    /// <param name="device">The device of the batch; null for the CPU.</param>
    /// <returns>B triplets, which the caller disposes.</returns>
    /// <exception cref="ArgumentException">The number of rows is negative or not a multiple of three.</exception>
    public static Triplets InThrees(long rows, Device? device = null)
    {
        Guard.AtLeast(rows, 0);
        if (rows % 3 != 0) throw new ArgumentException($"rows must be a multiple of 3 (anchor, positive, negative), got {rows}.",
            nameof(rows));
        Tensor Every(long i) => arange(S(i), S(Math.Max(rows, i)), S(3), ScalarType.Int64, device ?? CPU);
        return new(Every(0), Every(1), Every(2), rows, rows);
    }

    /// <inheritdoc/>
    public override Pairs AsPairs()
    {
        RequireInRange();       // an index that is out of range would mark a pair of another row
        return new(Mask(Positives), Mask(Negatives));
    }

    /// <inheritdoc/>
    public override Triplets AsTriplets() => this;

    /// <inheritdoc/>
    public override (Tensor Rows, Tensor Columns) PositivePairs() => (Anchors.alias(), Positives.alias());

    /// <inheritdoc/>
    public override (Tensor Rows, Tensor Columns) NegativePairs() => (Anchors.alias(), Negatives.alias());

    internal override void RequireInRange()
    {
        if (indices is not null) return;
        Guard.InRange(Anchors, Rows, nameof(anchors));
        Guard.InRange(Positives, Columns, nameof(positives));
        Guard.InRange(Negatives, Columns, nameof(negatives));
    }

    internal override Triplets Alias() =>
        new(Anchors.alias(), Positives.alias(), Negatives.alias(), Rows, Columns) { indices = indices };

    private Tensor Mask(Tensor columns)
    {
        using var scope = NewDisposeScope();
        var mask = zeros(Rows * Columns, ScalarType.Bool, Anchors.device);
        return mask.index_fill_(0, (Anchors * S(Columns)).Plus(columns), S(1)).view(Rows, Columns).MoveToOuterDisposeScope();
    }

    private protected override IEnumerable<Tensor> Tensors => [anchors, positives, negatives];

    private sealed record Arrays(long[] Anchors, long[] Positives, long[] Negatives);
}
