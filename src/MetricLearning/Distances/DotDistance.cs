using static TorchSharp.torch;

namespace MetricLearning;

/// <summary><c>−x·y</c>.</summary>
internal sealed class DotDistance : Distance
{
    protected override Tensor MatrixCore(Tensor x, Tensor y) => Product.Negative(x, y);

    protected override Tensor PairwiseCore(Tensor x, Tensor y) => -(x * y).sum(1);

    internal override bool IsProduct => true;

    internal override ProductOrdering? Form(Tensor x) => new(x, Squared: false);

    public override string ToString() => nameof(Dot);
}
