using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Measures how many directions embeddings effectively use.</summary>
/// <remarks>Thread safety: any number of threads may call it at once.</remarks>
public static class EffectiveDimension
{
    /// <summary>Computes the share of the variance along each principal axis, the largest first: <c>λᵢ / Σ λ</c>, where the λ are the
    /// eigenvalues of the float64 covariance matrix.</summary>
    /// <param name="features">[N, D], finite, N at least 2.</param>
    /// <returns>D shares that add up to 1; NaN if all rows are the same.</returns>
    /// <exception cref="ArgumentException">There are fewer than two rows, or a feature is not finite, or above 1e150 in size, or all are
    /// below 1e-140 but not 0.</exception>
    public static IReadOnlyList<double> VarianceShares(Tensor features)
    {
        Guard.Matrix(features);
        if (features.size(0) < 2)
            throw new ArgumentException($"features must have at least two rows, got {Guard.Shape(features)}.", nameof(features));
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        Guard.Squarable(features);
        var (count, width) = (features.size(0), features.size(1));
        // Rows are taken relative to the first row, so the mean and the variance of equal rows are exactly 0.
        var first = features.narrow(0, 0, 1).to(ScalarType.Float64);
        var sum = zeros(1, width, ScalarType.Float64, features.device);
        ForEachTile(rows => sum.Plus_((rows - first).sum(dim: 0)));
        var mean = sum / S(count);
        var scatter = zeros(width, width, ScalarType.Float64, features.device);
        ForEachTile(rows =>
        {
            var deviations = rows - first - mean;
            scatter.Plus_(deviations.t().matmul(deviations));
        });
        var values = TensorMemory.Copy<double>(linalg.eigvalsh(scatter));
        Array.Reverse(values);
        for (var i = 0; i < values.Length; i++) values[i] = Math.Max(0, values[i]);
        var total = values.Sum();
        return Array.ConvertAll(values, v => total > 0 ? v / total : double.NaN);

        void ForEachTile(Action<Tensor> use)
        {
            var step = Math.Max(1, (4L << 20) / width);
            for (long row = 0; row < count; row += step)
            {
                using var tile = NewDisposeScope();
                use(features.narrow(0, row, Math.Min(step, count - row)).to(ScalarType.Float64));
            }
        }
    }

    /// <summary>Computes PCF, the principal components fraction of open-metric-learning: the smallest number of principal axes that hold
    /// more than a share of the variance, divided by D. A low value means that the embeddings use few of their dimensions.</summary>
    /// <remarks>No set of axes holds more than all of the variance, so for a share of 1 all min(N, D) axes count. For this share,
    /// open-metric-learning may count one axis more, depending on the rounding of its float32 sum.</remarks>
    /// <param name="features">[N, D], finite, N at least 2.</param>
    /// <param name="share">The share of the variance, in [0, 1].</param>
    /// <returns>The fraction, in [0, 1]; NaN if all rows are the same.</returns>
    /// <exception cref="ArgumentException">There are fewer than two rows, or a feature is not finite, or above 1e150 in size, or all are
    /// below 1e-140 but not 0.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The share is not in [0, 1].</exception>
    public static double Fraction(Tensor features, double share)
    {
        Guard.Within(share, 0, 1);
        var shares = VarianceShares(features);
        if (double.IsNaN(shares[0])) return double.NaN;
        var most = (int)Math.Min(features.size(0), shares.Count);
        var (axes, held) = (0, 0.0);
        while (axes < most && (share == 1 || held <= share)) held += shares[axes++];
        return (double)axes / shares.Count;
    }
}
