using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>The focal cost of a row, <c>−α·(1 − p)^γ·log p</c>.</summary>
/// <param name="gamma">γ.</param>
/// <param name="alpha">α.</param>
/// <param name="type">The type of the scores. As in <see cref="CrossEntropyCost"/>, a value of −log p that it rounds away is 0.</param>
internal sealed class FocalCost(double gamma, double alpha, ScalarType type) : ClassCost
{
    private readonly CrossEntropyCost entropy = new(type);

    /// <inheritdoc/>
    public override bool UsesSum => false;

    /// <inheritdoc/>
    public override RowCost At(double own, double top, double logSum, double sum, long classes)
    {
        var (cost, wrong) = CrossEntropyCost.Softplus(top - own + logSum);
        // With w = 1 − p and c = −log p, the derivative of wᵞ·c by c is wᵞ·(1 + γ·p·c/w).
        var focus = gamma == 0 ? alpha : alpha * Math.Pow(wrong, gamma);
        var slope = gamma == 0 || wrong == 0 ? focus : focus * (1 + gamma * Math.Exp(-cost) * (cost / wrong));
        return new(focus * entropy.Rounded(cost), -slope * wrong, slope * wrong, 0);
    }

    /// <inheritdoc/>
    public override Tensor Plain(Tensor own, Tensor top, Tensor logSum, Tensor sum, long classes)
    {
        var above = (top - own).Plus(logSum);
        var (costs, wrong) = (RowMath.Softplus(above), above.sigmoid());
        var certain = wrong == S(0);
        var focus = gamma == 0 ? ones_like(wrong) : wrong.masked_fill(certain, S(1)).pow(S(gamma)).masked_fill(certain, S(0));
        return entropy.Rounded(S(alpha) * focus * costs, costs);
    }
}
