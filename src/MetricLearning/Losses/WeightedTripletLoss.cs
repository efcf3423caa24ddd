using static TorchSharp.torch.nn.functional;

namespace MetricLearning;

/// <summary>
/// The weighted regularized triplet loss of AGW: softplus of <c>Σ w⁺·d(a,p) − Σ w⁻·d(a,n)</c>, where an anchor's positives are weighted by
/// the softmax of their distances and its negatives by the softmax of their negated distances.
/// </summary>
/// <remarks>
/// Default: softplus without a margin, the distance √max(d², 10⁻¹²), and the mean over all anchors, as in fast-reid with hard mining off.
/// As there, an anchor is its own positive at distance 10⁻⁶, and 10⁻⁶ is added to each sum of weights. The exponents of the softmax are
/// relative to the farthest positive, but not to the nearest negative. So if all negatives are at distances far above 10, the added 10⁻⁶
/// outweighs their weights: scale the embeddings. Without positives, the sum over positives is 10⁻⁶. Without negatives, the sum over
/// negatives is 0. No mining is needed. Memory O(N²). Ye et al., <i>Deep Learning for Person Re-identification: A Survey and Outlook</i>,
/// 2021, eq. 9.
/// </remarks>
public sealed class WeightedTripletLoss : TupleLoss
{
    private static readonly MaskedSoftmaxMean ofPositives = new(1, 1e-6), ofNegatives = new(-1, 1e-6);

    /// <summary>Creates the loss.</summary>
    /// <param name="margin">If above 0, a hinge with this margin replaces softplus. Default: 0.</param>
    /// <exception cref="ArgumentOutOfRangeException">A number is outside its range or not finite.</exception>
    public WeightedTripletLoss(double margin = 0) : base(nameof(WeightedTripletLoss))
    {
        Margin = Guard.NotNegative(margin);
        Distance = Distance.EuclideanClamped;
    }

    /// <summary>The margin of the hinge; 0 for softplus.</summary>
    public double Margin { get; }

    /// <inheritdoc/>
    protected override IEnumerable<LossTerm> Terms(DistanceView distances, Tuples tuples)
    {
        var pairs = tuples.AsPairs();
        var own = pairs.Own();
        var matrix = distances.Matrix;
        matrix = matrix.masked_fill(own & matrix.isnan().logical_not(), S(1e-6));
        var sides = MaskedReductions.Of(matrix, (pairs.Positives | own, ofPositives), (pairs.Negatives, ofNegatives));
        var violation = sides[0] - sides[1];
        yield return new(
            Margin > 0 ? relu(violation + S(Margin)) : RowMath.Softplus(violation),
            Iota(pairs.Rows, matrix.device));
    }
}
