using static TorchSharp.torch;

namespace MetricLearning;

/// <summary><c>−x·y</c>.</summary>
internal sealed class DotDistance : Distance
{
    protected internal override Tensor MatrixCore(Tensor x, Tensor y) => -x.matmul(y.t());

    protected internal override Tensor PairwiseCore(Tensor x, Tensor y) => -(x * y).sum(1);

    public override string ToString() => nameof(Dot);
}
