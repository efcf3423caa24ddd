using static TorchSharp.torch;

namespace MetricLearning;

/// <summary><c>√max(‖x − y‖₂², 10⁻¹²)</c>; the gradient below 10⁻⁶ is 0.</summary>
internal sealed class EuclideanClampedDistance : Distance
{
    /// <summary>The least squared distance.</summary>
    public const double Least = 1e-12;

    protected override Tensor MatrixCore(Tensor x, Tensor y) => Root(EuclideanSquared.Matrix(x, y));

    protected override Tensor PairwiseCore(Tensor x, Tensor y) => Root(EuclideanSquared.Pairwise(x, y));

    internal override EuclideanForm? Differences => new(Squared: false, Least);

    internal override ProductOrdering? Form(Tensor x) => new(x, Squared: true, Floor: Least);

    public override string ToString() => nameof(EuclideanClamped);

    private static Tensor Root(Tensor squares) => squares.clamp_min(S(Least)).sqrt();
}
