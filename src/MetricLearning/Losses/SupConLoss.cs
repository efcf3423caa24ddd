namespace MetricLearning;

/// <summary>
/// Classifies each positive of an anchor among all other rows. The value of an anchor is the mean over its positives p of
/// <c>−log(exp(s_p/τ) / Σ_j exp(s_j/τ))</c>, where j runs over all pairs of the anchor, its positives included.
/// </summary>
/// <remarks>
/// Default: τ = 0.1, cosines s (computed as −d from the cosine distance d, because a constant offset makes no difference), mean over the
/// anchors whose value is above 0, as in pytorch-metric-learning. So an anchor without positives does not count. A batch without positives
/// or without negatives has the loss 0. The N-pairs loss of TensorFlow Addons is this loss of anchors against references, with τ = 1,
/// <see cref="Distance.Dot"/> and <see cref="Reducer.Mean"/>. Memory O(N²). Khosla et al., <i>Supervised Contrastive Learning</i>, NeurIPS
/// 2020, eq. 2 (L_out).
/// </remarks>
public sealed class SupConLoss : TupleLoss
{
    /// <summary>Creates the loss.</summary>
    /// <param name="temperature">The temperature τ, above 0. Default: 0.1.</param>
    /// <exception cref="ArgumentOutOfRangeException">A number is outside its range or not finite.</exception>
    public SupConLoss(double temperature = 0.1) : base(nameof(SupConLoss))
    {
        Temperature = Guard.Positive(temperature);
        Distance = Distance.Cosine;
        Reducer = Reducer.NonZeroMean;
    }

    /// <summary>The temperature τ.</summary>
    public double Temperature { get; }

    /// <inheritdoc/>
    protected override IEnumerable<LossTerm> Terms(DistanceView distances, Tuples tuples)
    {
        var pairs = tuples.AsPairs();
        var sums = MaskedReductions.Of(distances.Matrix,
            (pairs.Positives | pairs.Negatives, new MaskedLogSumExp<Affine>(new(-1 / Temperature))),
            (pairs.Positives, new MaskedMean(-1 / Temperature, empty: double.PositiveInfinity)));
        var costs = sums.select(0, 0) - sums.select(0, 1);
        costs = costs.masked_fill(costs.isneginf(), S(0));      // no positives
        yield return new(costs * RowMath.Any(pairs.Negatives), RowMath.Rows(costs));
    }
}
