using static TorchSharp.torch;

namespace MetricLearning;

/// <summary><c>‖x − y‖₂²</c>.</summary>
internal sealed class EuclideanSquaredDistance : Distance
{
    protected override Tensor MatrixCore(Tensor x, Tensor y) => EuclideanMatrix.Of(x, y, new(Squared: true));

    protected override Tensor PairwiseCore(Tensor x, Tensor y) => EuclideanDistances.Of(x, y, new(Squared: true));

    internal override EuclideanForm? Differences => new(Squared: true);

    internal override ProductOrdering? Form(Tensor x) => new(x, Squared: true, Floor: 0);

    public override string ToString() => nameof(EuclideanSquared);
}
