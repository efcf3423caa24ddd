using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>The cross entropy of a row, −log p. A value that the type of the scores would round away beside 1 is 0, as it is in a softmax
/// of this type, so that reducers and reports see which samples are learned. Its gradient stays.</summary>
/// <param name="type">The type of the scores.</param>
internal sealed class CrossEntropyCost(ScalarType type) : ClassCost
{
    private readonly double rounding = type == ScalarType.Float64 ? Math.ScaleB(1, -53) : Math.ScaleB(1, -24);

    /// <summary>log(1 + exp(x)) and its derivative.</summary>
    public static (double Value, double Slope) Softplus(double x)
    {
        var small = Math.Exp(-Math.Abs(x));
        var sum = 1 + small;
        // The quotient restores the digits of the small number that its sum with 1 has lost.
        var log = sum == 1 ? small : Math.Log(sum) * (small / (sum - 1));
        return x > 0 ? (x + log, 1 / sum) : (log, small / sum);
    }

    /// <inheritdoc/>
    public override bool UsesSum => false;

    /// <inheritdoc/>
    public override RowCost At(double own, double top, double logSum, double sum, long classes)
    {
        var (cost, wrong) = Softplus(top - own + logSum);
        return new(Rounded(cost), -wrong, wrong, 0);
    }

    /// <inheritdoc/>
    public override Tensor Plain(Tensor own, Tensor top, Tensor logSum, Tensor sum, long classes)
    {
        var costs = RowMath.Softplus((top - own).Plus(logSum));
        return Rounded(costs, costs);
    }

    /// <summary>Sets the values whose cost is rounded away to 0. The gradient of the values stays.</summary>
    public Tensor Rounded(Tensor values, Tensor costs) =>
        values - values.detach().masked_fill(costs.detach() > S(rounding), S(0)).nan_to_num(0);

    /// <summary>The cost, or 0 if the type of the scores rounds it away beside 1.</summary>
    public double Rounded(double cost) => cost <= rounding ? 0 : cost;
}
