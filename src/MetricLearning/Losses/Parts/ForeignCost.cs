using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>The cross entropy of a row without its own class in the denominator.</summary>
internal sealed class ForeignCost : ClassCost
{
    /// <inheritdoc/>
    public override bool UsesSum => false;

    /// <inheritdoc/>
    public override RowCost At(double own, double top, double logSum, double sum, long classes) => new(top - own + logSum, -1, 1, 0);

    /// <inheritdoc/>
    public override Tensor Plain(Tensor own, Tensor top, Tensor logSum, Tensor sum, long classes) => (top - own).Plus(logSum);
}
