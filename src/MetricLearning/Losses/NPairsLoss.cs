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
        var (anchors, partners) = FirstPairs(labels, positives);
        var matrix = Distance.Matrix(batch.Embeddings.index_select(0, anchors), batch.References.index_select(0, partners));
        yield return new(new ClassLogits(new ClassScores(matrix), -1).Costs(RowMath.Rows(matrix)), anchors);
    }

    /// <summary>The first row of each label that has a positive, in ascending order, and its first positive.</summary>
    private static (Tensor Anchors, Tensor Partners) FirstPairs(Tensor labels, Tensor positives)
    {
        var (label, first) = (TensorMemory.Copy<long>(labels), TensorMemory.Copy<long>(RowMath.FirstKept(positives)));
        var seen = new HashSet<long>();
        long[] rows = [.. from row in Enumerable.Range(0, label.Length) where first[row] >= 0 && seen.Add(label[row]) select (long)row];
        return (tensor(rows, device: labels.device), tensor(Array.ConvertAll(rows, row => first[row]), device: labels.device));
    }
}
