using static TorchSharp.torch;
using static TorchSharp.torch.nn.functional;

namespace MetricLearning;

/// <summary>
/// Keeps the cosines of positives from falling below their mean, and the cosines of negatives from rising above theirs: <c>[(1 −
/// ε⁺)·mean(s_p) − s_p]₊²</c> and <c>[s_n − (1 + ε⁻)·mean(s_n)]₊²</c>.
/// </summary>
/// <remarks>
/// Default: ε⁺ = ε⁻ = 0.01, means over positive pairs and over negative pairs, added, as in pytorch-metric-learning. It is a regularizer:
/// with <see cref="LossSum"/>, add it to another loss. A batch of one class has only the part of the positives. A batch whose classes are
/// all different has only the part of the negatives. The distance is fixed: 1 − s. Memory O(N²). Yu, Tao, <i>Deep Metric Learning with
/// Tuplet Margin Loss</i>, ICCV 2019.
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
        var masks = MaySum(distances) ? tuples as Pairs : null;
        yield return SumsOfMany(distances, masks?.Positives, 1 - PositiveEpsilon, 1)
            ?? OneByOne(distances, tuples.PositivePairs(), 1 - PositiveEpsilon, 1);
        yield return SumsOfMany(distances, masks?.Negatives, 1 + NegativeEpsilon, -1)
            ?? OneByOne(distances, tuples.NegativePairs(), 1 + NegativeEpsilon, -1);
    }

    /// <summary>One value for each pair: <c>[sign·(factor·mean − s)]₊²</c>.</summary>
    private static LossTerm OneByOne(DistanceView distances, (Tensor Rows, Tensor Columns) pairs, double factor, double sign)
    {
        var cosines = S(1) - distances[pairs.Rows, pairs.Columns];
        return new(relu(S(sign) * (S(factor) * RowMath.Mean(cosines) - cosines)).pow(S(2)), pairs.Rows);
    }

    /// <summary>One sum for each row, over the pairs of a mask; null where there is no mask or the pairs are few.</summary>
    private static LossTerm? SumsOfMany(DistanceView distances, Tensor? mask, double factor, double sign)
    {
        if (mask is null) return null;
        var count = RowMath.Count(mask);
        if (distances.AreFew(count)) return null;
        var sum = MaskedReductions.Of(distances.Matrix, mask, new MaskedSum<Affine>(new(1))).sum();
        // factor·mean − s is d − (1 − factor·mean), with the mean of s = 1 − d.
        var border = S(1) - S(factor) * (S(1) - sum / S(count));
        return AnchorTerms.Sums(distances.Matrix - border, mask, new HingeFunction(sign, 0, squared: true));
    }
}
