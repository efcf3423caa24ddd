using static TorchSharp.torch;

namespace MetricLearning;

/// <summary><c>‖x − y‖₂</c>; the gradient at distance 0 is 0.</summary>
internal sealed class EuclideanDistance : Distance
{
    protected override Tensor MatrixCore(Tensor x, Tensor y) => EuclideanMatrix.Of(x, y, new(Squared: false));

    protected override Tensor PairwiseCore(Tensor x, Tensor y) => EuclideanDistances.Of(x, y, new(Squared: false));

    internal override EuclideanForm? Differences => new(Squared: false);

    internal override ProductOrdering? Form(Tensor x) => new(x, Squared: true, Floor: 0);

    public override string ToString() => nameof(Euclidean);
}
