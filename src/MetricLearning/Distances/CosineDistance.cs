using static TorchSharp.torch;

namespace MetricLearning;

/// <summary><c>1 − x·y / (‖x‖ ‖y‖)</c>; a zero row is at distance 1 from everything.</summary>
internal sealed class CosineDistance : Distance
{
    protected override Tensor MatrixCore(Tensor x, Tensor y) => 1 - Unit(x).matmul(Unit(y).t());

    protected override Tensor PairwiseCore(Tensor x, Tensor y) => 1 - (Unit(x) * Unit(y)).sum(1);

    private static Tensor Unit(Tensor x) => nn.functional.normalize(x, p: 2, dim: 1, eps: 1e-12);

    public override string ToString() => nameof(Cosine);
}
