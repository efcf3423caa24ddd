using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>
/// Pulls an anchor's positives within <c>α − m</c> and keeps its negatives beyond <c>α</c>: <c>(1 − λ) · Σ_p w_p [d_p − (α − m)]₊ + λ · Σ_n
/// w_n [α − d_n]₊</c>, where the weights of the violating pairs are, on each side, <c>exp(T_p (d_p − (α − m)))</c> and <c>exp(T_n (α −
/// d_n))</c>, divided by their sum.
/// </summary>
/// <remarks>
/// Default: m = 0.4, α = 1.2, T_n = 10, T_p = 0, λ = 0.5, Euclidean distance of normalized rows, mean over all anchors, as in
/// pytorch-metric-learning, which has no defaults for m and T_n. As in that library, 10⁻⁵ is added to each sum of weights for each row of
/// the references, the gradient flows through the weights too, and a negative at distance 0 to rounding is left out, because it has no
/// direction to move in. An anchor without a violating pair on one side has 0 on that side. Memory O(N²). Wang et al., <i>Ranked List Loss
/// for Deep Metric Learning</i>, CVPR 2019.
/// </remarks>
public sealed class RankedListLoss : TupleLoss
{
    /// <summary>What each column adds to the sum of the weights.</summary>
    private const double Added = 1e-5;

    /// <summary>Creates the loss.</summary>
    /// <param name="margin">The margin m between the radius of the positives and the border of the negatives, 0 or greater. Default:
    /// 0.4.</param>
    /// <param name="negativeTemperature">The negative temperature T_n, 0 or greater: how much more the nearest negatives count; 0 gives
    /// equal weights. Default: 10.</param>
    /// <param name="positiveTemperature">The positive temperature T_p, 0 or greater. Default: 0.</param>
    /// <param name="border">The border α, above 0. Default: 1 + m/2.</param>
    /// <exception cref="ArgumentOutOfRangeException">A number is outside its range or not finite.</exception>
    public RankedListLoss(double margin = 0.4, double negativeTemperature = 10, double positiveTemperature = 0, double? border = null)
        : base(nameof(RankedListLoss))
    {
        (Margin, NegativeTemperature) = (Guard.NotNegative(margin), Guard.NotNegative(negativeTemperature));
        (PositiveTemperature, Border) = (Guard.NotNegative(positiveTemperature), Guard.Positive(border ?? 1 + margin / 2, nameof(border)));
        Distance = Distance.Euclidean.Normalized();
    }

    /// <summary>The margin m.</summary>
    public double Margin { get; }

    /// <summary>The negative temperature T_n.</summary>
    public double NegativeTemperature { get; }

    /// <summary>The positive temperature T_p.</summary>
    public double PositiveTemperature { get; }

    /// <summary>The border α.</summary>
    public double Border { get; }

    /// <summary>The imbalance λ in [0, 1]: the weight of the negatives. The positives have the weight 1 − λ. Default: 0.5.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is outside [0, 1].</exception>
    public double Imbalance { get; init => field = Guard.Within(value, 0, 1); } = 0.5;

    /// <inheritdoc/>
    protected override IEnumerable<LossTerm> Terms(DistanceView distances, Tuples tuples)
    {
        var pairs = tuples.AsPairs();
        var d = distances.Matrix;
        var rounding = d.dtype == ScalarType.Float64 ? 1e-7 : 1e-3;
        var pull = new MaskedHingeMean(new(1, Margin - Border, squared: false), PositiveTemperature, Added);
        var push = new MaskedHingeMean(new(-1, Border, squared: false), NegativeTemperature, Added, above: rounding);
        var means = MaskedReductions.Of(d, (pairs.Positives, pull), (pairs.Negatives, push));
        yield return new((S(1 - Imbalance) * means.select(0, 0)).Plus(S(Imbalance) * means.select(0, 1)), Iota(pairs.Rows, d.device));
    }
}
