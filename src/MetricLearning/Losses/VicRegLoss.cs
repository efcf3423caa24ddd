using static TorchSharp.torch;
using static TorchSharp.torch.nn.functional;

namespace MetricLearning;

/// <summary>
/// Makes two views of the same rows equal, keeps each feature spread out, and keeps features from repeating each other: <c>λ · mean (x −
/// y)² + μ · [v(x) + v(y)] / 2 + ν · [c(x) + c(y)]</c>, where v is the mean over the features of <c>[1 − √(var + ε)]₊</c>, and c is the sum
/// of the squared covariances of different features, divided by D.
/// </summary>
/// <remarks>
/// Default: λ = μ = 25, ν = 1, ε = 10⁻⁴, as in the authors' code and pytorch-metric-learning. The loss needs no labels and no negatives.
/// One row has no variance: its second and third terms are 0. Without rows the loss is 0. Bardes, Ponce, LeCun, <i>VICReg</i>, ICLR 2022.
/// </remarks>
public sealed class VicRegLoss : ViewLoss
{
    /// <summary>Creates the loss.</summary>
    public VicRegLoss() : base(nameof(VicRegLoss)) { }

    /// <summary>The invariance weight λ, 0 or greater. Default: 25.</summary>
    /// <exception cref="ArgumentOutOfRangeException">λ is below 0 or not finite.</exception>
    public double InvarianceWeight { get; init => field = Guard.NotNegative(value); } = 25;

    /// <summary>The variance weight μ, 0 or greater. Default: 25.</summary>
    /// <exception cref="ArgumentOutOfRangeException">μ is below 0 or not finite.</exception>
    public double VarianceWeight { get; init => field = Guard.NotNegative(value); } = 25;

    /// <summary>The covariance weight ν, 0 or greater. Default: 1.</summary>
    /// <exception cref="ArgumentOutOfRangeException">ν is below 0 or not finite.</exception>
    public double CovarianceWeight { get; init => field = Guard.NotNegative(value); } = 1;

    /// <summary>The number ε under the root, above 0. Default: 10⁻⁴.</summary>
    /// <exception cref="ArgumentOutOfRangeException">ε is not above 0 or not finite.</exception>
    public double Epsilon { get; init => field = Guard.Positive(value); } = 1e-4;

    /// <inheritdoc/>
    protected override Tensor Compare(Tensor first, Tensor second)
    {
        var value = S(InvarianceWeight / Math.Max(1, first.numel())) * (first - second).pow(S(2)).sum();
        return first.size(0) > 1 ? value.Plus(Spread(first)).Plus(Spread(second)) : value;
    }

    /// <summary>The variance and covariance terms of one view.</summary>
    private Tensor Spread(Tensor view)
    {
        var (n, d) = (view.size(0), view.size(1));
        var centered = view - view.mean([0]);
        var covariance = centered.t().matmul(centered) / S(n - 1);
        var shared = DiagonalCost.Of(covariance, target: 0, own: 0, other: 1);
        var spread = (covariance.diagonal() + S(Epsilon)).sqrt();
        return (S(VarianceWeight / 2) * relu(S(1) - spread).mean()).Plus(S(CovarianceWeight / d) * shared);
    }
}
