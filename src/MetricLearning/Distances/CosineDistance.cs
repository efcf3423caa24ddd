using static TorchSharp.torch;

namespace MetricLearning;

/// <summary><c>1 − x·y / (‖x‖ ‖y‖)</c>; a zero row is at distance 1 from everything.</summary>
internal sealed class CosineDistance : Distance
{
    protected override Tensor MatrixCore(Tensor x, Tensor y) => RowMath.OneMinusCosines(x, y);

    protected override Tensor PairwiseCore(Tensor x, Tensor y) => CosineDistances.Of(x, y);

    internal override bool IsProduct => true;

    internal override ProductOrdering? Form(Tensor x) => new(RowMath.Unit(x), Squared: false);

    public override string ToString() => nameof(Cosine);
}
