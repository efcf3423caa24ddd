using static TorchSharp.torch;
using static TorchSharp.torch.nn.functional;

namespace MetricLearning;

/// <summary>
/// Reproduces the <c>TripletSemiHardLoss</c> of TensorFlow Addons d208d75 (2024-04-15) exactly: for every positive pair
/// <c>[d(a,p) − d(a,n) + m]₊</c>, where n is the nearest negative beyond p, or the farthest negative if there is none.
/// </summary>
/// <remarks>
/// Default: margin 1, Euclidean, mean over the positive pairs. It is <see cref="TripletLoss"/> with a <see cref="SemiHardMiner"/> and
/// <see cref="SemiHardFallback.FarthestNegative"/>, with two differences: an anchor without negatives has d(a,n) = 0, and equally near
/// negatives share the gradient. Without a positive pair the loss is 0 (TensorFlow Addons gives NaN). Memory O(N²): on the CPU each row is
/// searched in place, on other devices by sorting and binary search.
/// </remarks>
public sealed class TripletSemiHardLoss : MetricLoss
{
    /// <summary>Creates the loss.</summary>
    /// <param name="margin">The margin m, finite. Default: 1.</param>
    /// <exception cref="ArgumentOutOfRangeException">A number is outside its range or not finite.</exception>
    public TripletSemiHardLoss(double margin = 1) : base(nameof(TripletSemiHardLoss)) => Margin = Guard.Finite(margin);

    /// <summary>The margin m.</summary>
    public double Margin { get; }

    /// <summary>The distance that the loss compares. Default: Euclidean.</summary>
    /// <exception cref="ArgumentNullException">The distance is null.</exception>
    public Distance Distance { get; init => field = Guard.NotNull(value); } = Distance.Euclidean;

    /// <inheritdoc/>
    protected override IEnumerable<LossTerm> Terms(LossBatch batch)
    {
        ArgumentNullException.ThrowIfNull(batch);
        var distances = batch.Distances(Distance);
        yield return batch.Rows > 0 && batch.Columns > 0
            && SemiHardSearch.Supports(distances.Matrix, batch.Candidates, SemiHardPositives.Each)
            ? BySearch(distances)
            : BySorting(distances);
    }

    private LossTerm BySearch(DistanceView distances)
    {
        var (rows, positives, pairs, negatives) = SemiHardSearch.WithTies(distances.Matrix, distances.Batch.Candidates);
        var (anchors, numbers) = (tensor(rows), tensor(pairs));
        var near = distances[anchors, tensor(positives)];
        var each = distances[anchors.index_select(0, numbers), tensor(negatives)];
        var far = zeros_like(near).index_add(0, numbers, each, S(1)) / bincount(numbers, minlength: rows.Length).clamp_min(S(1));
        return new(relu(near - far + S(Margin)), anchors);
    }

    private LossTerm BySorting(DistanceView view)
    {
        var (batch, distances) = (view.Batch, view.Matrix);
        var (anchors, positives) = batch.Candidates.PositivePairs();
        if (anchors.size(0) == 0) return new(zeros(0, distances.dtype, distances.device), anchors);
        var (detached, negatives) = (distances.detach(), batch.Candidates.Negatives);
        var pair = (anchors * S(batch.Columns)).Plus(positives);

        // Sort each row's negatives. Equal negatives form a group whose value is their mean, so they share the gradient.
        var (sorted, order) = detached.masked_fill(negatives.logical_not(), S(double.PositiveInfinity)).sort(1, stable: true);
        var group = cat([zeros([batch.Rows, 1], ScalarType.Int64, sorted.device), (sorted.diff(dim: 1) > S(0)).cumsum(1)], 1);
        var empty = zeros_like(sorted);
        var means = empty.scatter_add(1, group, distances.gather(1, order)) / empty.scatter_add(1, group, ones_like(sorted))
            .clamp_min(S(1));

        var count = negatives.sum(1).index_select(0, anchors);
        var beyond = searchsorted(sorted, detached.contiguous(), right: true).reshape(-1).index_select(0, pair);
        var place = (anchors * S(batch.Columns)).Plus(minimum(beyond, count - S(1)).clamp_min(S(0)));
        var chosen = (anchors * S(batch.Columns)).Plus(group.reshape(-1).index_select(0, place));
        var far = means.reshape(-1).index_select(0, chosen).masked_fill(count == S(0), S(0));
        return new(relu(distances.reshape(-1).index_select(0, pair) - far + S(Margin)), anchors);
    }
}
