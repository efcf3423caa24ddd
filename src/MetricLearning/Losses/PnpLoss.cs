namespace MetricLearning;

/// <summary>
/// Penalizes negatives ranked before positives: for each anchor the mean over its positives p, including the anchor itself, of
/// <c>f(R_p)</c>, where <c>R_p = Σ_n σ((s_n − s_p) / τ)</c> counts the negatives that are more similar than p, and the variant chooses f.
/// </summary>
/// <remarks>
/// Default: variant O (f(R) = R), τ = 0.01, α = 1, b = 2, over cosines s, mean over the anchors that have positives,
/// as in pytorch-metric-learning. The distance is fixed: 1 − s. Memory O(N²): ranks of many pairs are computed in blocks.
/// Li et al., <i>Rethinking the Optimization of Average Precision: Only Penalizing Negative Instances before Positive Ones is Enough</i>,
/// AAAI 2022.
/// </remarks>
public sealed class PnpLoss : TupleLoss
{
    /// <summary>Creates the loss.</summary>
    /// <param name="variant">The function f. Default: O.</param>
    /// <param name="temperature">The temperature τ, above 0. Default: 0.01.</param>
    /// <exception cref="ArgumentOutOfRangeException">A number is outside its range or not finite.</exception>
    public PnpLoss(PnpVariant variant = PnpVariant.O, double temperature = 0.01) : base(nameof(PnpLoss), Distance.Cosine) =>
        (Variant, Temperature) = (Guard.Defined(variant), Guard.Positive(temperature));

    /// <summary>The function f.</summary>
    public PnpVariant Variant { get; }

    /// <summary>The temperature τ.</summary>
    public double Temperature { get; }

    /// <summary>α of <see cref="PnpVariant.Dq"/>, above 0. Default: 1.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is not above 0 or not finite.</exception>
    public double Alpha { get; init => field = Guard.Positive(value); } = 1;

    /// <summary>b of <see cref="PnpVariant.Ib"/>, above 0. Default: 2.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is not above 0 or not finite.</exception>
    public double B { get; init => field = Guard.Positive(value); } = 2;

    /// <inheritdoc/>
    protected override IEnumerable<LossTerm> Terms(DistanceView distances, Tuples tuples)
    {
        var pairs = tuples.AsPairs();
        var (rows, columns) = SmoothRank.WithSelf(pairs);
        if (rows.size(0) == 0) yield break;
        var before = SmoothRank.Nearer(distances.Matrix, rows, columns, pairs.Negatives, Temperature);
        var costs = Variant switch
        {
            PnpVariant.Ds => before.log1p(),
            PnpVariant.Dq => S(1) - (S(1) + before).pow(S(-Alpha)),
            PnpVariant.Iu => (S(1) + before) * before.log1p(),
            PnpVariant.Ib => (S(B) * before - (S(B) * before).log1p()) / S(B * B),
            _ => before,
        };
        yield return SmoothRank.MeanByRow(costs, rows, pairs.Rows);
    }
}
