using static TorchSharp.torch;
using static TorchSharp.torch.nn.functional;

namespace MetricLearning;

/// <summary>
/// Classifies each anchor's positive among the other rows of the batch. If a guide (another trained model) finds a row more similar to the
/// anchor than the positive, the row is probably a false negative and is left out.
/// </summary>
/// <remarks>
/// The value of anchor i is the softmax cross entropy of cosines ÷ τ, in which its own positive is the right class. The cosines are those
/// of the anchor with all positives, of the anchor with the other anchors, of its positive with the other positives, and of the anchor with
/// the hard negatives, if given. A pair is left out if the guide gives it a greater cosine than it gives anchor and positive, or one that
/// is too near to it (<see cref="AbsoluteMargin"/>, <see cref="RelativeMargin"/>). Default: τ = 0.01, no margin, mean over the anchors, as
/// in sentence-transformers' GISTEmbedLoss. The loss of one row without hard negatives is 0, and that of no rows is 0. No gradient flows
/// into the guide. Memory O(N²). Solatorio, <i>GISTEmbed: Guided In-sample Selection of Training Negatives</i>, 2024; the margins are those
/// of Moreira et al., <i>NV-Retriever</i>, 2024. For other losses: <see cref="Pairs.WithoutFalseNegatives"/>.
/// <para>Thread safety: any number of threads may compute one loss at once, each on its own tensors.</para>
/// </remarks>
public sealed class GistEmbedLoss : nn.Module<Tensor, Tensor, Tensor, Tensor, Tensor>
{
    /// <summary>Creates the loss.</summary>
    /// <param name="temperature">The temperature τ, above 0. Default: 0.01.</param>
    /// <exception cref="ArgumentOutOfRangeException">A number is outside its range or not finite.</exception>
    public GistEmbedLoss(double temperature = 0.01) : base(nameof(GistEmbedLoss)) => Temperature = Guard.Positive(temperature);

    /// <summary>The temperature τ.</summary>
    public double Temperature { get; }

    /// <summary>The absolute margin m: a pair is left out if the guide's cosine is greater than s − m, where s is the guide's cosine of
    /// anchor and positive. Null (the default) for 0.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The number is not finite.</exception>
    public double? AbsoluteMargin { get; init => field = value is { } given ? Guard.Finite(given, nameof(AbsoluteMargin)) : null; }

    /// <summary>The relative margin r: a pair is left out if the guide's cosine is greater than s − r·|s|, where s is the guide's cosine of
    /// anchor and positive. Null (the default) for 0.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The number is not finite.</exception>
    public double? RelativeMargin { get; init => field = value is { } given ? Guard.Finite(given, nameof(RelativeMargin)) : null; }

    /// <summary>Whether an anchor is compared with the other anchors. Default: true.</summary>
    public bool ComparesAnchors { get; init; } = true;

    /// <summary>Whether a positive is compared with the other positives. Default: true.</summary>
    public bool ComparesPositives { get; init; } = true;

    /// <summary>Computes the loss of anchors and positives.</summary>
    /// <param name="anchors">The anchors [N, D], floating point; N may be 0.</param>
    /// <param name="positives">The positives [N, D], of the same type and device: the partner of each anchor.</param>
    /// <param name="guideAnchors">[N, G]: the guide's embeddings of the anchors.</param>
    /// <param name="guidePositives">[N, G]: the guide's embeddings of the positives.</param>
    /// <returns>A scalar with gradient, float32 (float64 for float64 embeddings), which the caller disposes.</returns>
    /// <exception cref="ArgumentException">A shape or type does not fit; the message prints it.</exception>
    public override Tensor forward(Tensor anchors, Tensor positives, Tensor guideAnchors, Tensor guidePositives) =>
        Loss(anchors, positives, guideAnchors, guidePositives, null, null);

    /// <summary>Computes the loss of anchors, positives and hard negatives.</summary>
    /// <param name="anchors">The anchors [N, D].</param>
    /// <param name="positives">The positives [N, D].</param>
    /// <param name="negatives">The hard negatives [H, D]; each anchor is compared with all of them.</param>
    /// <param name="guideAnchors">The guide's embeddings of the anchors, [N, G].</param>
    /// <param name="guidePositives">The guide's embeddings of the positives, [N, G].</param>
    /// <param name="guideNegatives">The guide's embeddings of the hard negatives, [H, G].</param>
    /// <returns>A scalar with gradient, which the caller disposes.</returns>
    /// <exception cref="ArgumentException">A shape or type does not fit; the message prints it.</exception>
    public Tensor forward(
        Tensor anchors, Tensor positives, Tensor negatives, Tensor guideAnchors, Tensor guidePositives, Tensor guideNegatives)
    {
        Guard.InUse(this);
        Guard.SameWidth(anchors, negatives);
        Guard.SameWidth(guideAnchors, guideNegatives);
        if (negatives.size(0) != guideNegatives.size(0))
            throw new ArgumentException(
                $"guideNegatives must be [{negatives.size(0)}, G], a row for each negative, got {Guard.Shape(guideNegatives)}.",
                    nameof(guideNegatives));
        return Loss(anchors, positives, guideAnchors, guidePositives, negatives, guideNegatives);
    }

    /// <summary>Calls the six-argument <c>forward</c>. TorchSharp's hooks take four tensors, so they do not run here.</summary>
    /// <inheritdoc cref="forward(Tensor, Tensor, Tensor, Tensor, Tensor, Tensor)"/>
    public Tensor call(
        Tensor anchors, Tensor positives, Tensor negatives, Tensor guideAnchors, Tensor guidePositives, Tensor guideNegatives) =>
        forward(anchors, positives, negatives, guideAnchors, guidePositives, guideNegatives);

    private Tensor Loss(Tensor anchors, Tensor positives, Tensor guideAnchors, Tensor guidePositives, Tensor? negatives,
        Tensor? guideNegatives)
    {
        Guard.InUse(this);
        Guard.SameRows(anchors, positives);
        Guard.SameRows(guideAnchors, guidePositives);
        if (guideAnchors.size(0) != anchors.size(0))
            throw new ArgumentException(
                $"guideAnchors must be [{anchors.size(0)}, G], a row for each anchor, got {Guard.Shape(guideAnchors)}.",
                    nameof(guideAnchors));
        using var scope = NewDisposeScope();
        Tensor[] inputs = [.. new[] { anchors, positives, negatives }.OfType<Tensor>().Select(RowMath.Widen)];
        if (anchors.size(0) == 0) return inputs.Select(RowMath.NaNWhereNotFinite).Aggregate((sum, part) => sum.Plus(part))
            .MoveToOuterDisposeScope();
        var scores = Cosines(anchors, positives, negatives) / S(Temperature);
        var costs = cross_entropy(
            scores.masked_fill(Hidden(guideAnchors, guidePositives, guideNegatives), S(double.NegativeInfinity)), RowMath.Rows(scores));
        Tensor[] guides = [.. new[] { guideAnchors, guidePositives, guideNegatives }.OfType<Tensor>().Select(guide => guide.detach())];
        return RowMath.Guarded(costs, [.. inputs, .. guides]).MoveToOuterDisposeScope();
    }

    /// <summary>The mask of the scores that are left out, bool: pairs that the guide finds too similar, and pairs of a row with
    /// itself.</summary>
    private Tensor Hidden(Tensor anchors, Tensor positives, Tensor? negatives)
    {
        using var noGradient = no_grad();
        var n = anchors.size(0);
        var scores = Cosines(anchors, positives, negatives);
        var own = scores.narrow(1, 0, n).diagonal().unsqueeze(1);
        var limit = own;
        if (AbsoluteMargin is { } margin) limit = own - S(margin);
        if (RelativeMargin is { } share) limit = minimum(limit, own - own.abs() * S(share));
        var itself = eye(n, dtype: ScalarType.Bool, device: anchors.device);
        var hidden = scores > limit;
        hidden.narrow(1, 0, n).logical_and_(itself.logical_not());
        for (var block = 1; block < OwnBlocks; block++) hidden.narrow(1, block * n, n).logical_or_(itself);
        return hidden;
    }

    /// <summary>The number of blocks of N scores that compare the rows of the batch.</summary>
    private int OwnBlocks => 1 + (ComparesAnchors ? 1 : 0) + (ComparesPositives ? 1 : 0);

    /// <summary>[N, B·N + H]: anchors with positives, anchors with anchors, positives with positives, anchors with hard
    /// negatives.</summary>
    private Tensor Cosines(Tensor anchors, Tensor positives, Tensor? negatives)
    {
        var (a, p) = (RowMath.Unit(RowMath.Widen(anchors)), RowMath.Unit(RowMath.Widen(positives)));
        List<Tensor> parts = [Product.Of(a, p)];
        if (ComparesAnchors) parts.Add(Product.Of(a, a));
        if (ComparesPositives) parts.Add(Product.Of(p, p));
        if (negatives is not null) parts.Add(Product.Of(a, RowMath.Unit(RowMath.Widen(negatives))));
        return cat([.. parts], 1);
    }
}
