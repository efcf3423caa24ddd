using static TorchSharp.torch;
using static TorchSharp.torch.nn.functional;

namespace MetricLearning;

/// <summary>
/// Triplets of a row and class means: <c>[d(a, c⁺) − d(a, c⁻) + m]₊</c>, where c⁺ is the mean of the anchor's class without the anchor, and c⁻ the mean of each
/// other class.
/// </summary>
/// <remarks>
/// Default: m = 0.05, Euclidean distance of normalised rows and means, mean over the values above 0, as pytorch-metric-learning, which raises where a class
/// has one row only (here such a row is no anchor, and its class still a negative). Memory O(N·(N + C)).
/// Wieczorek, Rychalska, Dąbrowski, <i>On the Unreasonable Effectiveness of Centroids in Image Retrieval</i>, ICONIP 2021.
/// </remarks>
public sealed class CentroidTripletLoss : MetricLoss
{
    /// <summary>Creates the loss.</summary>
    /// <param name="margin">m, in units of the distance; 0.05 by default.</param>
    public CentroidTripletLoss(double margin = 0.05) : base(nameof(CentroidTripletLoss))
    {
        Margin = Guard.NotNegative(margin);
        Reducer = Reducer.NonZeroMean;
    }

    /// <summary>m.</summary>
    public double Margin { get; }

    /// <summary>What near means; Euclidean distance of normalised rows by default.</summary>
    public Distance Distance { get; init; } = Distance.Euclidean.Normalized();

    /// <inheritdoc/>
    protected override IEnumerable<LossTerm> Terms(LossBatch batch)
    {
        ArgumentNullException.ThrowIfNull(batch);
        var labels = batch.Labels ?? throw new InvalidOperationException("CentroidTripletLoss needs labels, and tuples were given.");
        if (batch.Rows == 0 || batch.Columns == 0) yield break;
        var (classes, _, _) = batch.ReferenceLabels!.unique();
        var positives = batch.Candidates.Positives;
        var others = (labels.unsqueeze(1) != classes) & positives.any(1, keepdim: true);
        var near = Distance.Pairwise(batch.Embeddings, Mean(positives, batch.References));
        var far = Distance.Matrix(batch.Embeddings, Mean(classes.unsqueeze(1) == batch.ReferenceLabels!, batch.References));
        var triplets = others.nonzero();
        var (anchors, flat) = (triplets.select(1, 0), triplets.select(1, 0) * classes.size(0) + triplets.select(1, 1));
        yield return new(relu(near.index_select(0, anchors) - far.reshape(-1).index_select(0, flat) + Margin), anchors);
    }

    /// <summary>[K, D]: the mean of the rows that each of K masks keeps; 0 where it keeps none.</summary>
    private static Tensor Mean(Tensor masks, Tensor rows) => masks.to(rows.dtype).matmul(rows) / masks.sum(1, keepdim: true).clamp_min(1);
}
