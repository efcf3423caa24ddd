namespace MetricLearning;

/// <summary>
/// Pulls and pushes the pairs of each anchor with weights that depend on its other pairs. The value of an anchor is <c>(1/α)·log(1 + Σ_p
/// exp(−α(s_p − λ))) + (1/β)·log(1 + Σ_n exp(β(s_n − λ)))</c> over cosines s = 1 − d.
/// </summary>
/// <remarks>
/// Default: α = 2, β = 50, λ = 0.5, all pairs, mean over all rows of the batch (a row without pairs counts as 0), as in
/// pytorch-metric-learning. The paper has λ = 1 and mines with <see cref="MultiSimilarityMiner"/>. An anchor that lacks one side has the
/// loss of the other. Memory O(N²). Wang et al., <i>Multi-Similarity Loss with General Pair Weighting for Deep Metric Learning</i>, CVPR
/// 2019.
/// </remarks>
public sealed class MultiSimilarityLoss : TupleLoss
{
    /// <summary>Creates the loss.</summary>
    /// <param name="alpha">The factor α, above 0. Default: 2.</param>
    /// <param name="beta">The factor β, above 0. Default: 50.</param>
    /// <param name="offset">The offset λ, a similarity. Default: 0.5.</param>
    /// <exception cref="ArgumentOutOfRangeException">A number is outside its range or not finite.</exception>
    public MultiSimilarityLoss(double alpha = 2, double beta = 50, double offset = 0.5) : base(nameof(MultiSimilarityLoss))
    {
        (Alpha, Beta, Offset) = (Guard.Positive(alpha), Guard.Positive(beta), Guard.Finite(offset));
        Distance = Distance.Cosine;
    }

    /// <summary>The factor α.</summary>
    public double Alpha { get; }

    /// <summary>The factor β.</summary>
    public double Beta { get; }

    /// <summary>The offset λ.</summary>
    public double Offset { get; }

    /// <inheritdoc/>
    protected override IEnumerable<LossTerm> Terms(DistanceView distances, Tuples tuples)
    {
        var pairs = tuples.AsPairs();
        var (pull, push) = (new Affine(Alpha, -Alpha * (1 - Offset)), new Affine(-Beta, Beta * (1 - Offset)));
        var sides = RowMath.Softplus(AnchorTerms.PullAndPush(distances.Matrix, pairs, pull, push));
        yield return new((sides.select(0, 0) / S(Alpha)).Plus(sides.select(0, 1) / S(Beta)), RowMath.Rows(distances.Matrix));
    }
}
