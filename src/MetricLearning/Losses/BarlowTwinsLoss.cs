using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>
/// Makes each feature of one view correlate with the same feature of the other view, and with no other feature: <c>Σ_i (1 − c_ii)² + λ ·
/// Σ_{i≠j} c_ij²</c>, where c is the D × D matrix of correlations between the features of the first view and those of the second.
/// </summary>
/// <remarks>
/// Default: λ = 0.005, as in the authors' code and in TensorFlow Similarity's Barlow. The loss needs no labels and no negatives. A feature
/// that does not vary, as in a batch of one row, has the correlation 0. Without rows the loss is 0. Zbontar, Jing, Misra, LeCun, Deny,
/// <i>Barlow Twins</i>, ICML 2021, eq. 1.
/// </remarks>
public sealed class BarlowTwinsLoss : ViewLoss
{
    /// <summary>Creates the loss.</summary>
    /// <param name="redundancyWeight">The redundancy weight λ, 0 or greater. Default: 0.005.</param>
    /// <exception cref="ArgumentOutOfRangeException">λ is below 0 or not finite.</exception>
    public BarlowTwinsLoss(double redundancyWeight = 0.005) : base(nameof(BarlowTwinsLoss)) =>
        RedundancyWeight = Guard.NotNegative(redundancyWeight);

    /// <summary>The redundancy weight λ.</summary>
    public double RedundancyWeight { get; }

    /// <inheritdoc/>
    protected override Tensor Compare(Tensor first, Tensor second)
    {
        if (first.size(0) == 0) return RowMath.NaNWhereNotFinite(first).Plus(RowMath.NaNWhereNotFinite(second));
        var correlations = UnitColumns.Of(first).t().matmul(UnitColumns.Of(second));
        return DiagonalCost.Of(correlations, target: 1, own: 1, RedundancyWeight);
    }
}
