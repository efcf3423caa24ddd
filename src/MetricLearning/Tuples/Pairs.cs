using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Pairs as masks over the distance matrix: which of the columns are a row's positives, and which its negatives.</summary>
public sealed class Pairs : Tuples
{
    /// <summary>Takes over two masks.</summary>
    /// <param name="positives">bool [N, M].</param>
    /// <param name="negatives">bool [N, M].</param>
    /// <param name="self">int64 [N], the column that is the row's own embedding; null where the references are other embeddings.</param>
    /// <exception cref="ArgumentException">A mask is not bool [N, M], or self is not int64 [N].</exception>
    public Pairs(Tensor positives, Tensor negatives, Tensor? self = null) : base(positives.size(0), positives.size(1))
    {
        if (positives.dim() != 2 || positives.dtype != ScalarType.Bool)
            throw new ArgumentException($"positives must be bool [N, M], got {positives.dtype} {Guard.Shape(positives)}.",
                nameof(positives));
        if (negatives.dim() != 2 || negatives.dtype != ScalarType.Bool || negatives.size(0) != Rows || negatives.size(1) != Columns)
            throw new ArgumentException($"negatives must be bool [{Rows}, {Columns}], got {negatives.dtype} {Guard.Shape(negatives)}.",
                nameof(negatives));
        if (self is not null) Guard.Labels(self, Rows);
        (Positives, Negatives, Self) = (positives, negatives, self);
    }

    /// <summary>bool [N, M]: the columns that a row is to be near to.</summary>
    public Tensor Positives { get; }

    /// <summary>bool [N, M]: the columns that a row is to be far from.</summary>
    public Tensor Negatives { get; }

    /// <summary>int64 [N]: the column that is the row's own embedding, never a positive; null where the references are other
    /// embeddings.</summary>
    public Tensor? Self { get; }

    /// <summary>All pairs of a batch with itself: equal labels are positives, other labels negatives, and no row meets itself.</summary>
    /// <param name="labels">int64 [N]. Any values; only equality counts.</param>
    public static Pairs FromLabels(Tensor labels)
    {
        using var scope = NewDisposeScope();
        labels = Guard.Labels(labels, labels.dim() == 1 ? labels.size(0) : 0);
        var pairs = FromLabels(labels, labels, Iota(labels.size(0), labels.device));
        pairs.MoveToOuterDisposeScope();
        return pairs;
    }

    /// <summary>All pairs of a batch with references.</summary>
    /// <param name="labels">int64 [N].</param>
    /// <param name="referenceLabels">int64 [M].</param>
    /// <param name="self">int64 [N], where the references hold the batch's own rows: the column of each. Null where they do not.</param>
    public static Pairs FromLabels(Tensor labels, Tensor referenceLabels, Tensor? self = null)
    {
        using var scope = NewDisposeScope();
        labels = Guard.Labels(labels, labels.dim() == 1 ? labels.size(0) : 0);
        referenceLabels = Guard.Labels(referenceLabels, referenceLabels.dim() == 1 ? referenceLabels.size(0) : 0);
        var same = labels.unsqueeze(1) == referenceLabels.unsqueeze(0);
        var negatives = same.logical_not();
        if (self is not null && same.numel() > 0) same.scatter_(1, self.unsqueeze(1),
            zeros([self.size(0), 1], ScalarType.Bool, same.device));
        return new(same.MoveToOuterDisposeScope(), negatives.MoveToOuterDisposeScope(), self);
    }

    /// <summary>
    /// These pairs without the negatives that a guide (another, trained model) puts nearer to the row than its nearest positive: they may
    /// well be positives that are labeled wrongly. A row without positives keeps its negatives. Solatorio, <i>GISTEmbed</i>, 2024.
    /// </summary>
    /// <param name="guideDistances">[N, M]: the guide's distances (<see cref="Distance.Matrix"/> of its embeddings).</param>
    /// <returns>New pairs, which the caller disposes; hand them to <c>loss.forward(embeddings, pairs)</c>.</returns>
    /// <exception cref="ArgumentException">The distances are not [N, M].</exception>
    public Pairs WithoutFalseNegatives(Tensor guideDistances)
    {
        ArgumentNullException.ThrowIfNull(guideDistances);
        if (guideDistances.dim() != 2 || guideDistances.size(0) != Rows || guideDistances.size(1) != Columns)
            throw new ArgumentException($"guideDistances must be [{Rows}, {Columns}], got {Guard.Shape(guideDistances)}.",
                nameof(guideDistances));
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        var kept = Negatives.clone();
        if (Rows > 0 && Columns > 0)
        {
            var nearest = guideDistances.masked_fill(Positives.logical_not(), S(double.PositiveInfinity)).amin([1], keepdim: true);
            kept.logical_and_((guideDistances < nearest).logical_not() | nearest.isposinf());
        }
        return new(Positives.clone().MoveToOuterDisposeScope(), kept.MoveToOuterDisposeScope(), Self?.clone().MoveToOuterDisposeScope());
    }

    /// <inheritdoc/>
    public override Pairs AsPairs() => this;

    /// <inheritdoc/>
    /// <remarks>Memory: the triplets themselves, and one mask row for each positive pair; never N·M².</remarks>
    public override Triplets AsTriplets()
    {
        using var scope = NewDisposeScope();
        var (anchors, positives) = PositivePairs();
        var joined = Negatives.index_select(0, anchors).nonzero();
        var (pair, negatives) = (joined.select(1, 0), joined.select(1, 1));
        return new(anchors.index_select(0, pair).MoveToOuterDisposeScope(), positives.index_select(0, pair).MoveToOuterDisposeScope(),
            negatives.clone().MoveToOuterDisposeScope(), Rows, Columns);
    }

    /// <inheritdoc/>
    public override (Tensor Rows, Tensor Columns) PositivePairs() => Indices(Positives);

    /// <inheritdoc/>
    public override (Tensor Rows, Tensor Columns) NegativePairs() => Indices(Negatives);

    /// <summary>bool [N, M]: the columns that are the rows' own embeddings; none where the references are other embeddings.</summary>
    internal Tensor Own() => Self is { } self && Positives.numel() > 0
        ? zeros_like(Positives).scatter(1, self.unsqueeze(1), ones([self.size(0), 1], ScalarType.Bool, self.device))
        : zeros_like(Positives);

    private static (Tensor, Tensor) Indices(Tensor mask)
    {
        using var scope = NewDisposeScope();
        var indices = mask.nonzero();
        return (indices.select(1, 0).MoveToOuterDisposeScope(), indices.select(1, 1).MoveToOuterDisposeScope());
    }

    private protected override IEnumerable<Tensor> Tensors => Self is null ? [Positives, Negatives] : [Positives, Negatives, Self];
}
