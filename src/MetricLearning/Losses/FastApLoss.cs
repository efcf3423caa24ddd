using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>
/// 1 − the average precision of each anchor, from histograms of squared distances: <c>1 − Σ_j h⁺_j · H⁺_j / H_j ÷ |P|</c>, where h⁺_j is
/// the soft count of the positives in bin j, H⁺_j is the count of the positives up to bin j, H_j is the count of positives and negatives up
/// to bin j, and |P| is the number of positives.
/// </summary>
/// <remarks>
/// Default: 10 bins over [0, 4], the squared distances of rows of length 1; mean over the anchors that have positives; as in the code of
/// the authors and in pytorch-metric-learning. The distance is fixed. Memory O(N²), whatever the bins. An anchor without positives gives no
/// value. Cakir et al., <i>Deep Metric Learning to Rank</i>, CVPR 2019.
/// </remarks>
public sealed class FastApLoss : TupleLoss
{
    /// <summary>Creates the loss.</summary>
    /// <param name="bins">The number of bins, at least 1. Default: 10.</param>
    /// <exception cref="ArgumentOutOfRangeException">A number is outside its range or not finite.</exception>
    public FastApLoss(int bins = 10) : base(nameof(FastApLoss), Distance.EuclideanSquared.Normalized()) =>
        Bins = Guard.AtLeast(bins, 1);

    /// <summary>The number of bins of [0, 4]; a histogram has one more node.</summary>
    public int Bins { get; }

    /// <inheritdoc/>
    protected override IEnumerable<LossTerm> Terms(DistanceView distances, Tuples tuples)
    {
        var pairs = tuples.AsPairs();
        var d = distances.Matrix;
        var anchors = (pairs.Positives.any(1) | d.isnan().any(1)).nonzero().squeeze(1);
        if (anchors.size(0) == 0) yield break;
        var (lower, share) = SoftHistogram.Bins(d.index_select(0, anchors).clamp(S(0), S(4)) * S(Bins / 4.0), Bins);
        var positives = pairs.Positives.index_select(0, anchors);
        var near = Count(lower, share, positives);
        var all = near.Plus(Count(lower, share, pairs.Negatives.index_select(0, anchors))).cumsum(1);
        var hits = near * near.cumsum(1);
        var none = (hits <= S(0)) | (all <= S(0));
        var precision = hits.masked_fill(none, S(0)) / all.masked_fill(none, S(1));
        yield return new(S(1) - precision.sum(1) / positives.sum(1), anchors);
    }

    /// <summary>The soft histogram of each row, of the entries that a mask keeps: [N, bins + 1].</summary>
    private Tensor Count(Tensor lower, Tensor share, Tensor mask)
    {
        var dropped = (mask | share.isnan()).logical_not();
        return zeros([lower.size(0), Bins + 1], share.dtype, share.device)
            .scatter_add(1, lower, (S(1) - share).masked_fill(dropped, S(0)))
            .scatter_add(1, lower + S(1), share.masked_fill(dropped, S(0)));
    }
}
