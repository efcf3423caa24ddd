namespace MetricLearning;

/// <summary>
/// For each anchor the mean over its positives of <c>−log(exp(s_p/τ) / Σ_j exp(s_j/τ))</c>, where j runs over all of the anchor's pairs,
/// positives too.
/// </summary>
/// <remarks>
/// Default: τ = 0.1, cosine (s = −d: a constant offset makes no difference), mean over the anchors above 0, as
/// pytorch-metric-learning, where an anchor without positives does not count. A batch without any negatives, or any positives, has the
/// loss 0. The N-pairs loss of TensorFlow Addons is this one of anchors against references, with τ = 1, <see cref="Distance.Dot"/> and
/// <see cref="Reducer.Mean"/>. Memory O(N²). Khosla et al., <i>Supervised Contrastive Learning</i>, NeurIPS 2020, eq. 2 (L_out).
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
