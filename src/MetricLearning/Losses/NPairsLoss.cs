using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Takes one positive pair (a_i, p_i) from each class, and classifies p_i as the partner of a_i among the positives of all
/// classes: <c>−log softmax(a_i·p_j over j)_i</c>.</summary>
/// <remarks>
/// Default: dot product of rows of length 1 (s = −d), mean over the classes, as in pytorch-metric-learning. The paper does not scale the
/// embeddings (<see cref="Distance.Dot"/>), and penalizes their length instead. From each class it takes the first row that has a positive,
/// with its first positive, so the order of the batch matters. If fewer than two classes have a pair, the loss is 0. The loss needs labels:
/// given tuples are refused. Memory O(N²). Sohn, <i>Improved Deep Metric Learning with Multi-class N-pair Loss Objective</i>, NeurIPS 2016.
/// </remarks>
public sealed class NPairsLoss : TupleLoss
{
    /// <summary>Creates the loss.</summary>
    public NPairsLoss() : base(nameof(NPairsLoss)) => Distance = Distance.Dot.Normalized();

    /// <inheritdoc/>
    protected override IEnumerable<LossTerm> Terms(DistanceView distances, Tuples tuples)
    {
        var batch = distances.Batch;
        var labels = batch.RequireLabels(nameof(NPairsLoss));
        var positives = tuples.AsPairs().Positives;
        if (positives.numel() == 0) yield break;
        var partners = RowMath.FirstKept(positives);
        var anchors = FirstOfEach(labels, (partners >= S(0)).nonzero().squeeze(1));
        var matrix = Distance.Matrix(batch.Embeddings.index_select(0, anchors),
            batch.References.index_select(0, partners.index_select(0, anchors)));
        yield return new(new ClassLogits(new ClassScores(matrix), -1).Costs(RowMath.Rows(matrix)), anchors);
    }

    /// <summary>The first row of each label among these rows, in ascending order.</summary>
    private static Tensor FirstOfEach(Tensor labels, Tensor rows)
    {
        var (sorted, order) = labels.index_select(0, rows).sort(0, stable: true);
        var count = rows.size(0);
        var isFirst = ones_like(sorted, ScalarType.Bool);
        if (count > 1) isFirst.narrow(0, 1, count - 1).copy_(sorted.narrow(0, 1, count - 1) != sorted.narrow(0, 0, count - 1));
        return rows.index_select(0, order.masked_select(isFirst)).sort(0).Values;
    }
}
