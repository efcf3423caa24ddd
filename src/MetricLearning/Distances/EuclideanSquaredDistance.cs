using static TorchSharp.torch;

namespace MetricLearning;

/// <summary><c>‖x − y‖₂²</c>, by <c>‖x‖² + ‖y‖² − 2x·y</c> for a matrix, clamped at 0 against rounding.</summary>
internal sealed class EuclideanSquaredDistance : Distance
{
    protected override Tensor MatrixCore(Tensor x, Tensor y)
    {
        (x, y) = RowMath.AboutTheMean(x, y);
        return (x.square().sum(1, keepdim: true) + y.square().sum(1) - 2 * x.matmul(y.t())).clamp_min(0);
    }

    protected override Tensor PairwiseCore(Tensor x, Tensor y) => (x - y).square().sum(1);

    public override string ToString() => nameof(EuclideanSquared);
}
