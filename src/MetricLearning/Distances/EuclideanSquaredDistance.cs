using static TorchSharp.torch;

namespace MetricLearning;

/// <summary><c>‖x − y‖₂²</c>, by <c>‖x‖² + ‖y‖² − 2x·y</c> for a matrix, clamped at 0 against rounding.</summary>
internal sealed class EuclideanSquaredDistance : Distance
{
    protected override Tensor MatrixCore(Tensor x, Tensor y)
    {
        (x, y) = RowMath.AboutTheMean(x, y);
        return (x.pow(S(2)).sum(1, keepdim: true).Plus(y.pow(S(2)).sum(1)) - S(2) * Product.Of(x, y)).clamp_min(S(0));
    }

    protected override Tensor PairwiseCore(Tensor x, Tensor y) => (x - y).pow(S(2)).sum(1);

    internal override DifferenceForm? Differences => new(Squared: true);

    internal override ProductForm? Form(Tensor x) => new(x, Squared: true, Floor: 0);

    public override string ToString() => nameof(EuclideanSquared);
}
