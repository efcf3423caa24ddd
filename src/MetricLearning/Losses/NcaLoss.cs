namespace MetricLearning;

/// <summary>
/// The negative logarithm of the probability that a neighbor drawn at random has the class of the anchor: <c>−log(Σ_p exp(−σ·d(a,p)) / Σ_j
/// exp(−σ·d(a,j)))</c>, where j runs over all pairs of the anchor.
/// </summary>
/// <remarks>
/// Default: σ = 1, squared Euclidean distance of rows of length 1, mean over the anchors that have a positive, as in
/// pytorch-metric-learning (which gives NaN if there is none; here the loss is 0). With σ = 1/τ it is the soft nearest neighbor loss.
/// Memory O(N²). Goldberger et al., <i>Neighborhood Components Analysis</i>, NeurIPS 2004; Frosst, Papernot, Hinton, 2019.
/// </remarks>
public sealed class NcaLoss : TupleLoss
{
    /// <summary>Creates the loss.</summary>
    /// <param name="scale">The scale σ, above 0. Default: 1.</param>
    /// <exception cref="ArgumentOutOfRangeException">A number is outside its range or not finite.</exception>
    public NcaLoss(double scale = 1) : base(nameof(NcaLoss))
    {
        Scale = Guard.Positive(scale);
        Distance = Distance.EuclideanSquared.Normalized();
    }

    /// <summary>The scale σ.</summary>
    public double Scale { get; }

    /// <inheritdoc/>
    protected override IEnumerable<LossTerm> Terms(DistanceView distances, Tuples tuples)
    {
        var pairs = tuples.AsPairs();
        var anchors = pairs.Positives.any(1).nonzero().squeeze(1);
        var sides = AnchorTerms.PullAndPush(distances.Matrix, pairs, new Affine(-Scale), new Affine(-Scale)).index_select(1, anchors);
        yield return new(RowMath.Softplus(sides.select(0, 1) - sides.select(0, 0)), anchors);
    }
}
