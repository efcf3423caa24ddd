using static TorchSharp.torch;

namespace MetricLearning;

/// <summary><c>√max(‖x − y‖₂², 10⁻¹²)</c>; the gradient below 10⁻⁶ is 0.</summary>
internal sealed class EuclideanClampedDistance : Distance
{
    protected override Tensor MatrixCore(Tensor x, Tensor y) => EuclideanSquared.Matrix(x, y).clamp_min(S(1e-12)).sqrt();

    protected override Tensor PairwiseCore(Tensor x, Tensor y) => EuclideanSquared.Pairwise(x, y).clamp_min(S(1e-12)).sqrt();

    public override string ToString() => nameof(EuclideanClamped);
}
