using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>
/// The probability that a random negative pair is more similar than a random positive pair: <c>Σ_r h⁻_r · Σ_{q ≤ r} h⁺_q</c>, where h⁺ and
/// h⁻ are the histograms of the cosines of the positive and the negative pairs. Each pair is shared linearly between its two nearest nodes.
/// </summary>
/// <remarks>
/// Default: 100 bins of [−1, 1], as in pytorch-metric-learning. Only anchors that have both positives and negatives count, and each pair
/// counts once. The value is one number, and a reducer does not change it. Large batches give better histograms. The distance is fixed: 1 −
/// s. Memory O(N²). Ustinova, Lempitsky, <i>Learning Deep Embeddings with Histogram Loss</i>, NIPS 2016, eq. 4.
/// </remarks>
public sealed class HistogramLoss : TupleLoss
{
    /// <summary>Creates the loss.</summary>
    /// <param name="bins">The number of bins, at least 1. Default: 100. A histogram has one more node.</param>
    /// <exception cref="ArgumentOutOfRangeException">A number is outside its range or not finite.</exception>
    public HistogramLoss(int bins = 100) : base(nameof(HistogramLoss), Distance.Cosine) =>
        Bins = Guard.AtLeast(bins, 1);

    /// <summary>The number of bins of [−1, 1].</summary>
    public int Bins { get; }

    /// <inheritdoc/>
    protected override IEnumerable<LossTerm> Terms(DistanceView distances, Tuples tuples)
    {
        var pairs = tuples.AsPairs();
        var d = distances.Matrix;
        var both = pairs.Positives.any(1, keepdim: true) & pairs.Negatives.any(1, keepdim: true);
        var once = distances.Batch.MeetsItself;
        var positives = Density(d, Pick(pairs.Positives & both, once));
        var negatives = Density(d, Pick(pairs.Negatives & both, once));
        yield return new((negatives * positives.cumsum(0)).sum());
    }

    /// <summary>The pairs of a mask; with <paramref name="once"/> each of (i, j) and (j, i) once.</summary>
    private static Tensor Pick(Tensor mask, bool once) => once ? (mask | mask.t()).triu(1) : mask;

    /// <summary>The soft histogram of the cosines that a mask keeps, ÷ their number: [bins + 1].</summary>
    private Tensor Density(Tensor d, Tensor mask)
    {
        var kept = mask | d.isnan();
        var (lower, share) = SoftHistogram.Bins((S(2) - d) * S(Bins / 2.0), Bins);
        var (below, above) = ((S(1) - share).masked_fill(kept.logical_not(), S(0)), share.masked_fill(kept.logical_not(), S(0)));
        return zeros(Bins + 1, d.dtype, d.device)
            .scatter_add(0, lower.reshape(-1), below.reshape(-1))
            .scatter_add(0, lower.reshape(-1) + S(1), above.reshape(-1)) / kept.sum().clamp_min(S(1));
    }
}
