using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>The distances of a batch to its references, worked out when and where they are needed.</summary>
/// <remarks>
/// A loss that looks at few tuples indexes the view: just those distances are worked out again, on differences, so that the way back costs
/// O(tuples · D) and the values are exact to rounding. A product (cosine, dot) is as exact in the matrix, which is taken where it is the
/// smaller. A loss that looks at all tuples takes the <see cref="Matrix"/>, which is made once for all miners and losses of the batch.
/// </remarks>
public sealed class DistanceView
{
    private readonly Tensor rowEmbeddings;
    private (Tensor X, Tensor Y)? prepared;
    private Tensor? matrix;
    private DistanceView? amongReferences;

    internal DistanceView(LossBatch batch, Distance distance, Tensor rowEmbeddings) =>
        (Batch, Distance, this.rowEmbeddings) = (batch, distance, rowEmbeddings);

    /// <summary>What is measured.</summary>
    public LossBatch Batch { get; }

    /// <summary>By which distance.</summary>
    public Distance Distance { get; }

    /// <summary>[N, M] with gradient; made on first use.</summary>
    public Tensor Matrix => matrix ??= Batch.Own(Distance.OfPrepared.Matrix(Prepared.X, Prepared.Y));

    /// <summary>Whether the matrix stands, so that using it costs nothing.</summary>
    internal bool HasMatrix => matrix is not null;

    /// <summary>The rows of the batch and of the references as <see cref="Distance.OfPrepared"/> takes them, with gradient; made on first
    /// use.</summary>
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

    /// <summary>[K] with gradient: row <c>rows[k]</c> of the batch to row <c>columns[k]</c> of the references.</summary>
    /// <param name="rows">int64 [K].</param>
    /// <param name="columns">int64 [K].</param>
    public Tensor this[Tensor rows, Tensor columns]
    {
        get
        {
            using var scope = NewDisposeScope();
            var distances = AreFew(rows.size(0)) && !MatrixIsLess(rows.size(0))
                ? Distance.OfPrepared.Selected(Prepared.X, Prepared.Y, rows, columns)
                : Matrix.reshape(-1).index_select(0, (rows * S(Batch.Columns)).Plus(columns));
            return distances.MoveToOuterDisposeScope();
        }
    }

    /// <summary>d(a,p) and d(a,n) of triplets, [K] each with gradient: as indexing by each side has them, worked out together.</summary>
    internal (Tensor Positive, Tensor Negative) Sides(Triplets triplets)
    {
        var (anchors, count) = (triplets.Anchors, triplets.Count);
        if (!AreFew(2 * count)) return (this[anchors, triplets.Positives], this[anchors, triplets.Negatives]);
        using var scope = NewDisposeScope();
        var both = this[cat([anchors, anchors]), cat([triplets.Positives, triplets.Negatives])];
        return (both.narrow(0, 0, count).MoveToOuterDisposeScope(), both.narrow(0, count, count).MoveToOuterDisposeScope());
    }

    /// <summary>What triplets cost, [K] with gradient.</summary>
    internal Tensor Costs(Triplets triplets, TripletCost hinge)
    {
        if (AreFew(2 * triplets.Count) && Distance.OfPrepared.Differences is { } form && SimdRows.Supports(Prepared.X))
            return FusedTripletCosts.Of(Prepared.X, Prepared.Y, triplets, form, hinge);
        var (near, far) = Sides(triplets);
        return hinge.Of(near, far);
    }

    /// <summary>The distances of the references to each other, [M, M]: this view itself where the batch meets itself.</summary>
    public DistanceView AmongReferences => amongReferences ??= Batch.MeetsItself ? this : new(Batch, Distance, Batch.References);

    /// <summary>Whether tuples are so few that gathering their embeddings is no more than gathering the batch a few times.</summary>
    internal bool AreFew(long tuples) => tuples <= 4 * (Rows + Batch.Columns);

    /// <summary>Whether the matrix, as exact as its pairs, has fewer numbers than their embeddings.</summary>
    private bool MatrixIsLess(long pairs) => Distance.OfPrepared.IsProduct && Rows * Batch.Columns <= pairs * Prepared.X.size(1);

    private long Rows => rowEmbeddings.size(0);

    private Tensor Prepare(Tensor rows)
    {
        using var scope = NewDisposeScope();
        var made = Distance.Prepare(rows);
        return ReferenceEquals(made, rows) ? rows : Batch.Own(made);
    }
}
