using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>
/// The features of two views of the same rows are to be alike, each to itself and none to another: <c>Σ_i (1 − c_ii)² + λ · Σ_{i≠j}
/// c_ij²</c>, where c is the D × D matrix of correlations between the features of the first view and those of the second.
/// </summary>
/// <remarks>
/// Default: λ = 0.005, as the authors (and TensorFlow Similarity's Barlow). Needs no labels and no negatives. A feature that does not vary,
/// as in a batch of one row, has the correlation 0; no rows: 0. Zbontar, Jing, Misra, LeCun, Deny, <i>Barlow Twins</i>, ICML 2021, eq. 1.
/// </remarks>
public sealed class BarlowTwinsLoss : nn.Module<Tensor, Tensor, Tensor>
{
    /// <summary>Creates the loss.</summary>
    /// <param name="redundancyWeight">λ, 0 or greater; 0.005 by default.</param>
    public BarlowTwinsLoss(double redundancyWeight = 0.005) : base(nameof(BarlowTwinsLoss)) =>
        RedundancyWeight = Guard.NotNegative(redundancyWeight);

    /// <summary>λ.</summary>
    public double RedundancyWeight { get; }

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
        if (x.size(0) == 0) return RowMath.NaNWhereNotFinite(x).Plus(RowMath.NaNWhereNotFinite(y)).MoveToOuterDisposeScope();
        var correlations = Standard(x).t().matmul(Standard(y));
        var own = correlations.diagonal();
        var others = correlations - own.diag();
        return (S(1) - own).pow(S(2)).sum().Plus(S(RedundancyWeight) * others.pow(S(2)).sum()).MoveToOuterDisposeScope();
    }

    /// <summary>Columns of mean 0 and length 1, whose products are correlations; 0 where they do not vary.</summary>
    private static Tensor Standard(Tensor view) => RowMath.Unit((view - view.mean([0])).t()).t();
}
