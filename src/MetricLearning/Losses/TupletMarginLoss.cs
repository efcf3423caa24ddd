namespace MetricLearning;

/// <summary>For each positive pair <c>log(1 + Σ_n exp(s·(cos θ_n − cos(θ_p − m))))</c>, where θ_p and θ_n are the angles of the positive
/// and of a negative to the anchor.</summary>
/// <remarks>
/// Default: m = 5.73°, s = 64, mean over the positive pairs, as in pytorch-metric-learning, whose arccos is NaN for equal rows. Here the
/// angle comes from the chord c = ‖u − v‖ between rows of length 1: cos θ = 1 − c²/2 and sin θ = c√(1 − c²/4). This is exact for small θ,
/// and its gradient at θ = 0 is 0. The distance is fixed: the chord. A row of zeros has no angle; here its cosine with another row is ½,
/// and 1 with another row of zeros. A pair that several triplets share counts once; an anchor without
/// negatives has the loss 0. Memory O(N²). Yu, Tao, <i>Deep Metric Learning with Tuplet Margin Loss</i>, ICCV 2019.
/// </remarks>
public sealed class TupletMarginLoss : TupleLoss
{
    /// <summary>Creates the loss.</summary>
    /// <param name="degrees">The margin m in degrees, 0 or more; 5.73 (0.1 rad) by default.</param>
    /// <param name="scale">The scale s, above 0. Default: 64.</param>
    /// <exception cref="ArgumentOutOfRangeException">A number is outside its range or not finite.</exception>
    public TupletMarginLoss(double degrees = 5.73, double scale = 64) : base(nameof(TupletMarginLoss), Distance.Euclidean.Normalized()) =>
        (Degrees, Scale) = (Guard.NotNegative(degrees), Guard.Positive(scale));

    /// <summary>The margin m in degrees.</summary>
    public double Degrees { get; }

    /// <summary>The scale s.</summary>
    public double Scale { get; }

    /// <inheritdoc/>
    protected override IEnumerable<LossTerm> Terms(DistanceView distances, Tuples tuples)
    {
        var pairs = tuples.AsPairs();
        var (anchors, positives) = pairs.PositivePairs();
        var (sinMargin, cosMargin) = Math.SinCos(double.DegreesToRadians(Degrees));
        var chord = distances[anchors, positives];
        var sin = chord * (S(1) - chord.pow(S(2)) / S(4)).clamp_min(S(1e-14)).sqrt();
        var eased = ((S(1) - chord.pow(S(2)) / S(2)) * S(cosMargin)).Plus(sin * S(sinMargin));
        var push = RowMath.LogSumExp(distances.Matrix, pairs.Negatives, new ChordToCosine(Scale)).index_select(0, anchors);
        yield return new(RowMath.Softplus(push - S(Scale) * eased), anchors);
    }
}
