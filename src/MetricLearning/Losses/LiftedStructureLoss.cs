using static TorchSharp.torch;
using static TorchSharp.torch.nn.functional;

namespace MetricLearning;

/// <summary>
/// Pulls each positive pair together and pushes the negatives of both its rows away. The value of a pair is <c>½[d(a,p) − m⁺ + log(Σ_{n of
/// a} exp(m⁻ − d(a,n)) + Σ_{n of p} exp(m⁻ − d(p,n)))]₊²</c>.
/// </summary>
/// <remarks>
/// Default: m⁻ = 1, m⁺ = 0, Euclidean distance of rows of length 1, mean over the positive pairs, as in pytorch-metric-learning. If both
/// rows of a pair lack negatives, the logarithm is replaced by 0. A batch without negatives has the loss 0. A pair that several triplets
/// share counts once. Memory O(N²). Song et al., <i>Deep Metric Learning via Lifted Structured Feature Embedding</i>, CVPR 2016.
/// </remarks>
public sealed class LiftedStructureLoss : TupleLoss
{
    /// <summary>Creates the loss.</summary>
    /// <param name="negativeMargin">The negative margin m⁻. Default: 1.</param>
    /// <param name="positiveMargin">The positive margin m⁺. Default: 0.</param>
    /// <exception cref="ArgumentOutOfRangeException">A number is outside its range or not finite.</exception>
    public LiftedStructureLoss(double negativeMargin = 1, double positiveMargin = 0) : base(nameof(LiftedStructureLoss))
    {
        (NegativeMargin, PositiveMargin) = (Guard.Finite(negativeMargin), Guard.Finite(positiveMargin));
        Distance = Distance.Euclidean.Normalized();
    }

    /// <summary>The negative margin m⁻.</summary>
    public double NegativeMargin { get; }

    /// <summary>The positive margin m⁺.</summary>
    public double PositiveMargin { get; }

    /// <inheritdoc/>
    protected override IEnumerable<LossTerm> Terms(DistanceView distances, Tuples tuples)
    {
        var pairs = tuples.AsPairs();
        var (anchors, positives) = pairs.PositivePairs();
        var closeness = new Affine(-1, NegativeMargin);
        var ofAnchors = RowMath.LogSumExp(distances.Matrix, pairs.Negatives, closeness);
        // If the positive is a reference, its negatives are rows of the batch.
        var ofPositives = distances.Batch.MeetsItself ? ofAnchors
            : RowMath.LogSumExp(distances.Matrix.t(), pairs.Negatives.t(), closeness);
        var both = stack([ofAnchors.index_select(0, anchors), ofPositives.index_select(0, positives)], 1);
        var push = RowMath.LogSumExp(both, both > S(double.NegativeInfinity), empty: 0);
        var violation = relu((distances[anchors, positives] - S(PositiveMargin)).Plus(push));
        yield return new(violation.pow(S(2)) / S(2) * RowMath.Any(pairs.Negatives), anchors);
    }
}
