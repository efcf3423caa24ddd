namespace MetricLearning;

/// <summary>Applies the margin of CosFace to pairs. The value of an anchor is <c>softplus(lse_p(−γ·s_p) + lse_n(γ·(s_n + m)))</c> over
/// cosines s, where <c>lse</c> is <c>log Σ exp</c> over the positives p or the negatives n.</summary>
/// <remarks>
/// Default: m = 0.25, γ = 30, mean over all anchors, as in fast-reid's <c>pairwise_cosface</c>. An anchor that lacks positives or negatives
/// has the loss 0. The distance is fixed: 1 − s. It is the pair form of Wang et al., <i>CosFace</i>, CVPR 2018, in the unified view of
/// Circle Loss, eq. 1.
/// </remarks>
public sealed class PairwiseCosFaceLoss : TupleLoss
{
    /// <summary>Creates the loss.</summary>
    /// <param name="margin">The margin m, finite. Default: 0.25.</param>
    /// <param name="scale">The scale γ, above 0. Default: 30.</param>
    /// <exception cref="ArgumentOutOfRangeException">A number is outside its range or not finite.</exception>
    public PairwiseCosFaceLoss(double margin = 0.25, double scale = 30) : base(nameof(PairwiseCosFaceLoss), Distance.Cosine) =>
        (Margin, Scale) = (Guard.Finite(margin), Guard.Positive(scale));

    /// <summary>The margin m.</summary>
    public double Margin { get; }

    /// <summary>The scale γ.</summary>
    public double Scale { get; }

    /// <inheritdoc/>
    protected override IEnumerable<LossTerm> Terms(DistanceView distances, Tuples tuples)
    {
        var pairs = tuples.AsPairs();
        var (pull, push) = (new Affine(Scale, -Scale), new Affine(-Scale, Scale * (1 + Margin)));
        yield return AnchorTerms.SoftplusOfSum(AnchorTerms.PullAndPush(distances.Matrix, pairs, pull, push));
    }
}
