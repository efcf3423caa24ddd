using static TorchSharp.torch.nn.functional;

namespace MetricLearning;

/// <summary>
/// Keeps the cosines of positives from falling below their mean, and the cosines of negatives from rising above theirs: <c>[(1 −
/// ε⁺)·mean(s_p) − s_p]₊²</c> and <c>[s_n − (1 + ε⁻)·mean(s_n)]₊²</c>.
/// </summary>
/// <remarks>
/// Default: ε⁺ = ε⁻ = 0.01, means over positive pairs and over negative pairs, added, as in pytorch-metric-learning. It is a regularizer:
/// add it to another loss by <see cref="LossSum"/>. A batch of one class has only the part of the positives. A batch whose classes are all
/// different has only the part of the negatives. The distance is fixed: 1 − s. Memory O(N²). Yu, Tao, <i>Deep Metric Learning with Tuplet
/// Margin Loss</i>, ICCV 2019.
/// </remarks>
public sealed class IntraPairVarianceLoss : TupleLoss
{
    /// <summary>Creates the loss.</summary>
    /// <param name="positiveEpsilon">The positive epsilon ε⁺, 0 or more. Default: 0.01.</param>
    /// <param name="negativeEpsilon">The negative epsilon ε⁻, 0 or more. Default: 0.01.</param>
    /// <exception cref="ArgumentOutOfRangeException">A number is outside its range or not finite.</exception>
    public IntraPairVarianceLoss(double positiveEpsilon = 0.01, double negativeEpsilon = 0.01)
        : base(nameof(IntraPairVarianceLoss), Distance.Cosine)
    {
        (PositiveEpsilon, NegativeEpsilon) = (Guard.NotNegative(positiveEpsilon), Guard.NotNegative(negativeEpsilon));
    }

    /// <summary>The positive epsilon ε⁺.</summary>
    public double PositiveEpsilon { get; }

    /// <summary>The negative epsilon ε⁻.</summary>
    public double NegativeEpsilon { get; }

    /// <inheritdoc/>
    protected override IEnumerable<LossTerm> Terms(DistanceView distances, Tuples tuples)
    {
        var (anchors, positives) = tuples.PositivePairs();
        var near = S(1) - distances[anchors, positives];
        yield return new(relu(S(1 - PositiveEpsilon) * RowMath.Mean(near) - near).pow(S(2)), anchors);

        var (others, negatives) = tuples.NegativePairs();
        var far = S(1) - distances[others, negatives];
        yield return new(relu(far - S(1 + NegativeEpsilon) * RowMath.Mean(far)).pow(S(2)), others);
    }
}
