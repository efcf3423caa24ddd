using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>The distances of a batch to its references. They are computed when they are needed.</summary>
/// <remarks>
/// A loss that uses few tuples indexes the view. Their distances are computed from differences, without the matrix, so the backward pass
/// costs O(tuples · D) and the values are exact up to rounding. For a product (cosine, dot) the matrix is equally exact, so it is used if
/// it is smaller. A loss that uses all tuples takes the <see cref="Matrix"/>, which is computed once for all miners and losses of the
/// batch.
/// <para>Thread safety: one thread at a time, because the matrix is computed on first use.</para>
/// </remarks>
public sealed class DistanceView
{
    private readonly Tensor rowEmbeddings;
    private (Tensor X, Tensor Y)? prepared;
    private Tensor? matrix;
    private DistanceView? amongReferences;

    internal DistanceView(LossBatch batch, Distance distance, Tensor rowEmbeddings) =>
        (Batch, Distance, this.rowEmbeddings) = (batch, distance, rowEmbeddings);

    /// <summary>The batch whose distances these are.</summary>
    public LossBatch Batch { get; }

    /// <summary>The distance.</summary>
    public Distance Distance { get; }

    /// <summary>The matrix of all distances, [N, M] with gradient; computed on first use.</summary>
    public Tensor Matrix => matrix ??= Batch.Own(Distance.OfPrepared.Matrix(Prepared.X, Prepared.Y));

    /// <summary>Whether the matrix was computed, so that using it costs nothing.</summary>
    internal bool HasMatrix => matrix is not null;

    /// <summary>The rows of the batch and of the references as <see cref="Distance.OfPrepared"/> takes them, with gradient; computed on
    /// first use.</summary>
    internal (Tensor X, Tensor Y) Prepared
    {
        get
        {
            if (prepared is { } made) return made;
            var x = Prepare(rowEmbeddings);
            prepared = (x, ReferenceEquals(rowEmbeddings, Batch.References) ? x : Prepare(Batch.References));
            return prepared.Value;
        }
    }

    /// <summary>The distances of chosen pairs, [K] with gradient: entry k is that of row <c>rows[k]</c> of the batch to row
    /// <c>columns[k]</c> of the references.</summary>
    /// <param name="rows">int64 [K], in [0, N).</param>
    /// <param name="columns">int64 [K], in [0, M).</param>
    /// <exception cref="ArgumentException">The indices are not int64 of one length, or an index is out of range (which is checked on the
    /// CPU); the message says which.</exception>
    public Tensor this[Tensor rows, Tensor columns]
    {
        get
        {
            Guard.Alive(rows);
            Guard.Indices(rows, rows.dim() == 1 ? rows.size(0) : 0);
            Guard.Indices(columns, rows.size(0));
            using var scope = NewDisposeScope();
            var distances = AreFew(rows.size(0)) && !MatrixIsLess(rows.size(0))
                ? Distance.OfPrepared.Selected(Prepared.X, Prepared.Y, rows, columns)
                : OfMatrix(rows, columns);
            return distances.MoveToOuterDisposeScope();
        }
    }

    /// <summary>Computes d(a,p) and d(a,n) of triplets together, [K] each with gradient. The values are those of indexing by each
    /// side.</summary>
    internal (Tensor Positive, Tensor Negative) Sides(Triplets triplets)
    {
        var (anchors, count) = (triplets.Anchors, triplets.Count);
        if (!AreFew(2 * count)) return (this[anchors, triplets.Positives], this[anchors, triplets.Negatives]);
        using var scope = NewDisposeScope();
        var both = this[cat([anchors, anchors]), cat([triplets.Positives, triplets.Negatives])];
        return (both.narrow(0, 0, count).MoveToOuterDisposeScope(), both.narrow(0, count, count).MoveToOuterDisposeScope());
    }

    /// <summary>The costs of triplets, [K] with gradient.</summary>
    internal Tensor Costs(Triplets triplets, TripletCost hinge)
    {
        if (AreFew(2 * triplets.Count) && Distance.OfPrepared.Differences is { } form && SimdRows.Supports(Prepared.X))
            return FusedTripletCosts.Of(Prepared.X, Prepared.Y, triplets, form, hinge);
        var (near, far) = Sides(triplets);
        return hinge.Of(near, far);
    }

    /// <summary>The distances of the references to each other, [M, M]; this view itself if the batch has no other references.</summary>
    public DistanceView AmongReferences => amongReferences ??= Batch.MeetsItself ? this : new(Batch, Distance, Batch.References);

    /// <summary>Whether there are so few tuples that gathering their embeddings costs at most as much as gathering the batch a few
    /// times.</summary>
    internal bool AreFew(long tuples) => tuples <= 4 * (Rows + Batch.Columns);

    /// <summary>Whether the matrix is as exact as single pairs, and has fewer numbers than the embeddings of the pairs.</summary>
    private bool MatrixIsLess(long pairs) => Distance.OfPrepared.IsProduct && Rows * Batch.Columns <= pairs * Prepared.X.size(1);

    private long Rows => rowEmbeddings.size(0);

    /// <summary>Picks pairs from the matrix. The CPU would find another pair for a column that is out of range.</summary>
    private Tensor OfMatrix(Tensor rows, Tensor columns)
    {
        Guard.InRange(rows, Rows);
        Guard.InRange(columns, Batch.Columns);
        return Matrix.reshape(-1).index_select(0, (rows * S(Batch.Columns)).Plus(columns));
    }

    private Tensor Prepare(Tensor rows)
    {
        using var scope = NewDisposeScope();
        var made = Distance.Prepare(rows);
        return ReferenceEquals(made, rows) ? rows : Batch.Own(made);
    }
}
