using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>The cross entropy of a row with a smoothed label, as <see cref="Smoothing.Spread"/> defines it.</summary>
/// <param name="mass">ε.</param>
/// <param name="form">The classes that the mass is spread over.</param>
internal sealed class SmoothedCost(double mass, LabelSmoothingForm form) : ClassCost
{
    /// <inheritdoc/>
    public override bool UsesSum => true;

    /// <inheritdoc/>
    public override RowCost At(double own, double top, double logSum, double sum, long classes)
    {
        var above = top - own;
        var (cost, wrong) = CrossEntropyCost.Softplus(above + logSum);
        var spread = form == LabelSmoothingForm.AllClasses ? classes : classes - 1;
        var share = (form == LabelSmoothingForm.Adaptive ? mass * Math.Exp(-cost) : mass) / Math.Max(1, spread);
        // A class costs the own cost minus how far its logit is above the own one.
        var rest = spread * cost - ((classes - 1) * above + sum);
        var kept = 1 - share * Math.Max(1, spread);
        var slope = (kept + share * spread) * wrong;
        return new(kept * cost + share * rest, share * (classes - 1) - slope, slope, -share);
    }

    /// <inheritdoc/>
    public override Tensor Plain(Tensor own, Tensor top, Tensor logSum, Tensor sum, long classes)
    {
        var above = top - own;
        var cost = RowMath.Softplus(above.Plus(logSum));
        var all = S(classes) * cost - (S(classes - 1) * above).Plus(sum);
        return Smoothing.Spread(cost, all, full_like(cost, S(classes)), mass, form);
    }
}
