using TorchSharp;
using static TorchSharp.torch;

namespace MetricLearning;

/// <summary><c>‖x − y‖₂</c>; the gradient at distance 0 is 0.</summary>
internal sealed class EuclideanDistance : Distance
{
    /// <remarks>By one matrix product for every size: cdist's default would take another path from 25 rows on.</remarks>
    protected override Tensor MatrixCore(Tensor x, Tensor y)
    {
        (x, y) = RowMath.AboutTheMean(x, y);
        return cdist(x, y, 2, compute_mode.use_mm_for_euclid_dist);
    }

    protected override Tensor PairwiseCore(Tensor x, Tensor y) => (x - y).norm(1);

    internal override DifferenceForm? Differences => new(Squared: false);

    internal override ProductForm? Form(Tensor x) => new(x, Squared: true, Floor: 0);

    public override string ToString() => nameof(Euclidean);
}
