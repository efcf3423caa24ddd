using static TorchSharp.torch;
using static TorchSharp.torch.nn.functional;

namespace MetricLearning;

/// <summary>
/// A triplet loss on class centers: <c>[d(a, c⁺) − d(a, c⁻) + m]₊</c>, where c⁺ is the mean of the other rows of the anchor's class and c⁻
/// is the mean of another class.
/// </summary>
/// <remarks>
/// Default: m = 0.05, all other classes as negatives, the Euclidean distance of rows and centers that are scaled to length 1, and the mean
/// over the values above 0. A center is the mean of the rows as they are. A row that is alone in its class is not an anchor, but its class
/// is still a negative. An older version of pytorch-metric-learning raised an error for such a row, compared with at most three other
/// classes, and chose other tuples if the classes had different sizes. Memory O(N²). Wieczorek, Rychalska, Dąbrowski, <i>On the
/// Unreasonable Effectiveness of Centroids in Image Retrieval</i>, ICONIP 2021.
/// </remarks>
public sealed class CentroidTripletLoss : MetricLoss
{
    /// <summary>Creates the loss.</summary>
    /// <param name="margin">The margin m, finite. Default: 0.05.</param>
    /// <exception cref="ArgumentOutOfRangeException">A number is outside its range or not finite.</exception>
    public CentroidTripletLoss(double margin = 0.05) : base(nameof(CentroidTripletLoss))
    {
        Margin = Guard.Finite(margin);
        Reducer = Reducer.NonZeroMean;
    }

    /// <summary>The margin m.</summary>
    public double Margin { get; }

    /// <summary>Whether the hinge is replaced by softplus. The margin stays inside. Default: false.</summary>
    public bool SoftMargin { get; init; }

    /// <summary>The distance that the loss compares. Default: Euclidean of rows of length 1.</summary>
    /// <exception cref="ArgumentNullException">The distance is null.</exception>
    public Distance Distance { get; init => field = Guard.NotNull(value); } = Distance.Euclidean.Normalized();

    /// <inheritdoc/>
    protected override IEnumerable<LossTerm> Terms(LossBatch batch)
    {
        ArgumentNullException.ThrowIfNull(batch);
        var labels = batch.RequireLabels(nameof(CentroidTripletLoss));
        if (batch.Rows == 0 || batch.Columns == 0) yield break;
        var (x, references, referenceLabels) = (batch.Embeddings, batch.References, batch.ReferenceLabels!);
        var same = referenceLabels.unsqueeze(1) == referenceLabels.unsqueeze(0);
        var firsts = same.tril(-1).any(1).logical_not().nonzero().squeeze(1);
        var negatives = labels.unsqueeze(1) != referenceLabels.index_select(0, firsts);
        var met = (batch.Candidates.Positives.any(1, keepdim: true) & negatives).nonzero();
        var (anchors, classes) = (met.select(1, 0), met.select(1, 1));
        var near = Distance.Pairwise(x, Means(batch.Candidates.Positives, references)).index_select(0, anchors);
        var far = Distance.Matrix(x, Means(same.index_select(0, firsts), references)).reshape(-1)
            .index_select(0, (anchors * S(firsts.size(0))).Plus(classes));
        var violation = near - far + S(Margin);
        yield return new(SoftMargin ? RowMath.Softplus(violation) : relu(violation), anchors);
    }

    /// <summary>Means of rows: [K, M] mask and [M, D] rows → [K, D], the mean of the rows that each row of the mask keeps; 0 if it keeps
    /// none.</summary>
    private static Tensor Means(Tensor mask, Tensor rows)
    {
        var weights = mask.to(rows.dtype);
        return weights.matmul(rows) / weights.sum(1, keepdim: true).clamp_min(S(1));
    }
}
