using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>
/// Gives more weight to pairs that are farther from their goal. The value of an anchor is <c>softplus(lse_p(−γ·α_p·(s_p − 1 + m)) +
/// lse_n(γ·α_n·(s_n − m)))</c> over cosines s, where <c>lse</c> is <c>log Σ exp</c> over the positives p or the negatives n, and <c>α_p =
/// [1 + m − s_p]₊</c> and <c>α_n = [s_n + m]₊</c> carry no gradient.
/// </summary>
/// <remarks>
/// Default: m = 0.4, γ = 80, mean over the anchors whose loss is not 0, as in pytorch-metric-learning. fast-reid's
/// <c>pairwise_circleloss</c> is m = 0.25, γ = 128 with <see cref="Reducer.Mean"/>. An anchor that lacks positives or negatives has the
/// loss 0. The distance is fixed: 1 − s. <see cref="Form"/> selects this form or one of two others that are published under the same name.
/// The form against class vectors is <see cref="CircleSoftmaxLoss"/>. Sun et al., <i>Circle Loss</i>, CVPR 2020, eq. 6.
/// </remarks>
public sealed class CircleLoss : TupleLoss
{
    /// <summary>Creates the loss.</summary>
    /// <param name="margin">The margin m, finite. Default: 0.4.</param>
    /// <param name="scale">The scale γ, above 0. Default: 80.</param>
    /// <exception cref="ArgumentOutOfRangeException">A number is outside its range or not finite.</exception>
    public CircleLoss(double margin = 0.4, double scale = 80) : base(nameof(CircleLoss), Distance.Cosine)
    {
        (Margin, Scale) = (Guard.Finite(margin), Guard.Positive(scale));
        Reducer = Reducer.NonZeroMean;
    }

    /// <summary>The margin m.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The number is not finite.</exception>
    public double Margin { get; set => field = Guard.Finite(value); }

    /// <summary>The scale γ.</summary>
    public double Scale { get; }

    /// <summary>The pairs that a sum runs over. Default: the pairs of one anchor.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is not defined.</exception>
    public CircleForm Form { get; init => field = Guard.Defined(value); }

    /// <inheritdoc/>
    protected override IEnumerable<LossTerm> Terms(DistanceView distances, Tuples tuples)
    {
        var pairs = tuples.AsPairs();
        yield return Form switch
        {
            CircleForm.OneSum => new(OneSum(distances.Matrix, pairs)),
            CircleForm.SeparateSums => new(SeparateSums(distances.Matrix, pairs), RowMath.Rows(distances.Matrix)),
            _ => AnchorTerms.SoftplusOfSum(Sums(distances.Matrix, pairs.Positives, pairs.Negatives)),
        };
    }

    /// <summary>The logarithms of both sums for each anchor: [N, M] distances 1 − s → [2, N].</summary>
    private Tensor Sums(Tensor distances, Tensor positives, Tensor negatives) => MaskedReductions.Of(distances,
        (positives, new MaskedLogSumExp<SelfPaced>(new(-Scale, Margin, 1, Margin))),
        (negatives, new MaskedLogSumExp<SelfPaced>(new(Scale, 1 + Margin, -1, 1 - Margin))));

    /// <summary>Computes one value over all pairs, each pair once. If the references hold the rows themselves, the lower half of the matrix
    /// repeats the upper half and is left out.</summary>
    private Tensor OneSum(Tensor distances, Pairs pairs)
    {
        Tensor All(Tensor mask) => (pairs.Self is not null && pairs.Rows == pairs.Columns ? mask.triu(1) : mask).reshape(1, -1);
        return RowMath.Softplus(Sums(distances.reshape(1, -1), All(pairs.Positives), All(pairs.Negatives)).sum());
    }

    private Tensor SeparateSums(Tensor distances, Pairs pairs)
    {
        var both = pairs.Positives.any(1, keepdim: true) & pairs.Negatives.any(1, keepdim: true);
        return RowMath.Softplus(Sums(distances, pairs.Positives & both, pairs.Negatives & both)).sum(dim: 0);
    }
}
