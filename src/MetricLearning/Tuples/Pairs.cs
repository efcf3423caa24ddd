using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Pairs as masks over the distance matrix. The masks say which columns are positives of a row and which are negatives.</summary>
public sealed class Pairs : Tuples
{
    private readonly Tensor positives, negatives;
    private readonly Tensor? self;

    /// <summary>Creates pairs and takes ownership of the masks.</summary>
    /// <param name="positives">bool [N, M].</param>
    /// <param name="negatives">bool [N, M].</param>
    /// <param name="self">int64 [N], for each row the column of its own embedding; null if the references are other embeddings. Ownership
    /// passes too.</param>
    /// <exception cref="ArgumentException">A mask is null or not bool [N, M], or <paramref name="self"/> is not int64 [N].</exception>
    public Pairs(Tensor positives, Tensor negatives, Tensor? self = null)
        : base(Guard.Mask(positives).size(0), positives.size(1))
    {
        Guard.Alive(negatives);
        if (negatives.dim() != 2 || negatives.dtype != ScalarType.Bool || negatives.size(0) != Rows || negatives.size(1) != Columns)
            throw new ArgumentException($"negatives must be bool [{Rows}, {Columns}], got {negatives.dtype} {Guard.Shape(negatives)}.",
                nameof(negatives));
        (this.positives, this.negatives, this.self) = (positives, negatives, self is null ? null : Guard.Indices(self, Rows));
    }

    /// <summary>bool [N, M]: the columns that are positives of a row.</summary>
    /// <exception cref="ObjectDisposedException">The object has been disposed.</exception>
    public Tensor Positives => Guard.Owned(positives, this);

    /// <summary>bool [N, M]: the columns that are negatives of a row.</summary>
    /// <exception cref="ObjectDisposedException">The object has been disposed.</exception>
    public Tensor Negatives => Guard.Owned(negatives, this);

    /// <summary>int64 [N]: for each row the column of its own embedding, which is never a positive. Null if the references are other
    /// embeddings, and for pairs that were made from triplets.</summary>
    /// <exception cref="ObjectDisposedException">The object has been disposed.</exception>
    public Tensor? Self => self is null ? null : Guard.Owned(self, this);

    /// <inheritdoc/>
    public override long Count
    {
        get
        {
            using var scope = NewDisposeScope();
            return RowMath.Count(Positives) + RowMath.Count(Negatives);
        }
    }

    /// <summary>Makes all pairs of a batch. Rows with equal labels are positives, rows with different labels are negatives, and no row is
    /// paired with itself.</summary>
    /// <param name="labels">[N], of any integer type; only equality counts.</param>
    /// <returns>The pairs, which the caller disposes.</returns>
    /// <exception cref="ArgumentException">The labels are not an integer vector; the message prints their shape or type.</exception>
    public static Pairs FromLabels(Tensor labels)
    {
        Guard.Alive(labels);
        using var scope = NewDisposeScope();
        labels = Guard.Labels(labels, labels.dim() == 1 ? labels.size(0) : 0);
        var pairs = FromLabels(labels, labels, Iota(labels.size(0), labels.device));
        pairs.MoveToOuterDisposeScope();
        return pairs;
    }

    /// <summary>Makes all pairs of a batch with references.</summary>
    /// <param name="labels">[N], of any integer type; only equality counts.</param>
    /// <param name="referenceLabels">[M], of any integer type.</param>
    /// <param name="self">int64 [N], if the references hold the rows of the batch: the column of each row. Null (the default) if they do
    /// not. It stays the caller's.</param>
    /// <returns>The pairs, which the caller disposes.</returns>
    /// <exception cref="ArgumentException">A shape or type does not fit; the message prints it.</exception>
    public static Pairs FromLabels(Tensor labels, Tensor referenceLabels, Tensor? self = null)
    {
        Guard.Alive(labels);
        Guard.Alive(referenceLabels);
        using var scope = NewDisposeScope();
        labels = Guard.Labels(labels, labels.dim() == 1 ? labels.size(0) : 0);
        referenceLabels = Guard.Labels(referenceLabels, referenceLabels.dim() == 1 ? referenceLabels.size(0) : 0);
        if (self is not null) Guard.InRange(Guard.Indices(self, labels.size(0)), referenceLabels.size(0), nameof(self));
        var same = labels.unsqueeze(1) == referenceLabels.unsqueeze(0);
        var negatives = same.logical_not();
        if (self is not null && same.numel() > 0) same.scatter_(1, self.unsqueeze(1),
            zeros([self.size(0), 1], ScalarType.Bool, same.device));
        return new(same.MoveToOuterDisposeScope(), negatives.MoveToOuterDisposeScope(), self?.alias().MoveToOuterDisposeScope());
    }

    /// <summary>
    /// Removes the negatives that a guide (another trained model) finds nearer to the row than its nearest positive, because they may be
    /// positives with a wrong label. A row without positives keeps its negatives. Solatorio, <i>GISTEmbed</i>, 2024.
    /// </summary>
    /// <param name="guideDistances">[N, M]: the guide's distances (<see cref="Distance.Matrix"/> of its embeddings).</param>
    /// <returns>New pairs for <c>loss.forward(embeddings, pairs)</c>, which the caller disposes.</returns>
    /// <exception cref="ArgumentException">The distances are not floating point [N, M], or one is NaN. NaN is looked for only on the CPU:
    /// elsewhere the host would have to wait for the device.</exception>
    public Pairs WithoutFalseNegatives(Tensor guideDistances)
    {
        _ = Negatives;      // disposed pairs say so before the distances are looked at
        Guard.Alive(guideDistances);
        if (guideDistances.dim() != 2 || guideDistances.size(0) != Rows || guideDistances.size(1) != Columns)
            throw new ArgumentException($"guideDistances must be [{Rows}, {Columns}], got {Guard.Shape(guideDistances)}.",
                nameof(guideDistances));
        if (!guideDistances.is_floating_point())
            throw new ArgumentException($"guideDistances must be floating point, got {guideDistances.dtype}.", nameof(guideDistances));
        if (guideDistances.device_type == TorchSharp.DeviceType.CPU) Guard.NoNaN(guideDistances);
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
    /// <exception cref="InvalidOperationException">The triplets need more memory than the process has.</exception>
    public override Triplets AsTriplets()
    {
        const double bytesOfATriplet = 5 * sizeof(long);
        using var scope = NewDisposeScope();
        var positivesOfRows = Positives.sum(1);
        var (pairs, count) = (positivesOfRows.sum().item<long>(), (positivesOfRows * Negatives.sum(1)).sum().item<long>());
        TripletMemory.Require(count, count * bytesOfATriplet + (double)pairs * Columns, Positives.device);
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

    /// <summary>bool [N, M]: the column of each row's own embedding; none if the references are other embeddings.</summary>
    internal Tensor Own() => Self is { } self && Positives.numel() > 0
        ? zeros_like(Positives).scatter(1, self.unsqueeze(1), ones([self.size(0), 1], ScalarType.Bool, self.device))
        : zeros_like(Positives);

    private static (Tensor, Tensor) Indices(Tensor mask)
    {
        using var scope = NewDisposeScope();
        var indices = mask.nonzero();
        return (indices.select(1, 0).MoveToOuterDisposeScope(), indices.select(1, 1).MoveToOuterDisposeScope());
    }

    internal override Pairs Alias() => new(Positives.alias(), Negatives.alias(), Self?.alias());

    private protected override IEnumerable<Tensor> Tensors => self is null ? [positives, negatives] : [positives, negatives, self];
}
