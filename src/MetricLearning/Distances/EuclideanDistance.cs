using static TorchSharp.torch;

namespace MetricLearning;

/// <summary><c>‖x − y‖₂</c>; the gradient at distance 0 is 0.</summary>
internal sealed class EuclideanDistance : Distance
{
    protected override Tensor MatrixCore(Tensor x, Tensor y) => cdist(x, y);

    protected override Tensor PairwiseCore(Tensor x, Tensor y) => (x - y).norm(1);

    public override string ToString() => nameof(Euclidean);
}
