using static TorchSharp.torch;

namespace MetricLearning;

/// <summary><c>√max(‖x − y‖₂², 10⁻¹²)</c>; the gradient below 10⁻⁶ is 0.</summary>
internal sealed class EuclideanClampedDistance : Distance
{
    /// <summary>The least squared distance.</summary>
    public const double Least = 1e-12;

    private static readonly EuclideanForm form = new(Squared: false, Least);

    protected override Tensor MatrixCore(Tensor x, Tensor y) => EuclideanMatrix.Of(x, y, form);

    protected override Tensor PairwiseCore(Tensor x, Tensor y) => EuclideanDistances.Of(x, y, form);

    internal override EuclideanForm? Differences => form;

    internal override ProductOrdering? Form(Tensor x) => new(x, Squared: true, Floor: Least);

    public override string ToString() => nameof(EuclideanClamped);
}
