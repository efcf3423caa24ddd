using static TorchSharp.torch;
using static TorchSharp.torch.nn.functional;

namespace MetricLearning;

/// <summary>
/// Two views of the same rows are to be equal, each to spread, and their features not to repeat each other: <c>λ · mean (x − y)² + μ ·
/// [v(x) + v(y)] / 2 + ν · [c(x) + c(y)]</c>, where v is the mean over the features of <c>[1 − √(var + ε)]₊</c> and c the sum of the
/// squared covariances of different features, ÷ D.
/// </summary>
/// <remarks>
/// Default: λ = μ = 25, ν = 1, ε = 10⁻⁴, as the authors' code and pytorch-metric-learning. Needs no labels and no negatives. One row has no
/// variance: its second and third terms are 0. No rows: 0. Bardes, Ponce, LeCun, <i>VICReg</i>, ICLR 2022.
/// </remarks>
public sealed class VicRegLoss : nn.Module<Tensor, Tensor, Tensor>
{
    /// <summary>Creates the loss.</summary>
    public VicRegLoss() : base(nameof(VicRegLoss)) { }

    /// <summary>λ, 0 or greater; 25 by default.</summary>
    public double InvarianceWeight { get; init => field = Guard.NotNegative(value); } = 25;

    /// <summary>μ, 0 or greater; 25 by default.</summary>
    public double VarianceWeight { get; init => field = Guard.NotNegative(value); } = 25;

    /// <summary>ν, 0 or greater; 1 by default.</summary>
    public double CovarianceWeight { get; init => field = Guard.NotNegative(value); } = 1;

    /// <summary>ε above 0; 10⁻⁴ by default.</summary>
    public double Epsilon { get; init => field = Guard.Positive(value); } = 1e-4;

    /// <summary>The loss of two views.</summary>
    /// <param name="first">[N, D], floating point; N may be 0.</param>
    /// <param name="second">[N, D], of the same type and device.</param>
    /// <returns>A scalar with gradient, float32 (float64 for float64 views), which the caller disposes.</returns>
    /// <exception cref="ArgumentException">A shape or type does not fit; the message prints it.</exception>
    public override Tensor forward(Tensor first, Tensor second)
    {
        Guard.SameRows(first, second);
        using var scope = NewDisposeScope();
        var (x, y) = (RowMath.Widen(first), RowMath.Widen(second));
        var value = S(InvarianceWeight / Math.Max(1, x.numel())) * (x - y).pow(S(2)).sum();
        if (x.size(0) > 1) value = value.Plus(Spread(x)).Plus(Spread(y));
        return value.MoveToOuterDisposeScope();
    }

    private Tensor Spread(Tensor view)
    {
        var (n, d) = (view.size(0), view.size(1));
        var centered = view - view.mean([0]);
        var covariance = centered.t().matmul(centered) / S(n - 1);
        var variance = covariance.diagonal();
        var shared = (covariance - variance.diag()).pow(S(2)).sum();
        return (S(VarianceWeight / 2) * relu(S(1) - (variance + S(Epsilon)).sqrt()).mean()).Plus(S(CovarianceWeight / d) * shared);
    }
}
