using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Principal components of features, fitted on one set and applied to others: <c>y = (x − μ) W</c>, on request whitened,
/// <c>yᵢ / √(λᵢ + ε)</c> (Jégou and Chum 2012).</summary>
/// <remarks>Fitted in float64 from the covariance <c>Σ (x − μ)(x − μ)ᵀ / N</c>. The sign of each component is such that its largest entry
/// is positive.</remarks>
public sealed class PrincipalComponents : IDisposable
{
    private readonly Tensor mean, components;

    private PrincipalComponents(Tensor mean, Tensor components, double[] variances, double total) =>
        (this.mean, this.components, Variances, ExplainedVariance) =
            (mean, components, variances, total == 0 ? 1 : variances.Sum() / total);

    /// <summary>Finds the components of the largest variance.</summary>
    /// <param name="set">At least one row; more rows than D where it shall be whitened.</param>
    /// <param name="count">How many components; all D where null.</param>
    /// <exception cref="ArgumentException">There are no rows, or a feature is not finite.</exception>
    public static PrincipalComponents Fit(EmbeddingSet set, int? count = null)
    {
        ArgumentNullException.ThrowIfNull(set);
        if (set.Count == 0) throw new ArgumentException("There are no rows to fit on.", nameof(set));
        var width = (int)set.Features.size(1);
        var kept = count is { } given ? (int)Guard.Within(given, 1, width, nameof(count)) : width;
        Guard.Finite(set.Features, "features");
        using var scope = NewDisposeScope();
        var x = set.Features.to(ScalarType.Float64);
        var mean = x.mean([0]);
        x = x - mean;
        var (values, vectors) = linalg.eigh(x.t().matmul(x).div_(S(set.Count)));
        var all = TensorMemory.Copy<double>(values.clamp_min(S(0)));
        Array.Reverse(all);
        var axes = vectors.flip(1).narrow(1, 0, kept);
        var signs = axes.gather(0, axes.abs().argmax(0, keepdim: true)).sign();
        return new PrincipalComponents(mean.DetachFromDisposeScope(), (axes * signs).contiguous().DetachFromDisposeScope(), all[..kept],
            all.Sum());
    }

    /// <summary>The variance along each component, largest first.</summary>
    public IReadOnlyList<double> Variances { get; }

    /// <summary>The share of all variance that the components hold, in [0, 1].</summary>
    public double ExplainedVariance { get; }

    /// <summary>Projects a set onto the components.</summary>
    /// <param name="set">Of the width that was fitted.</param>
    /// <param name="whiten">Whether each component is scaled to variance 1.</param>
    /// <param name="epsilon">What is added to the variances first: with 0 a component without variance cannot be whitened.
    /// Default: 0.</param>
    /// <returns>A set [N, count] of the same type, which the caller disposes.</returns>
    /// <exception cref="ArgumentException">The width differs.</exception>
    /// <exception cref="InvalidOperationException">A component has no variance to speak of (less than 1e-12 of the first), and epsilon is
    /// 0.</exception>
    public EmbeddingSet Apply(EmbeddingSet set, bool whiten = false, double epsilon = 0)
    {
        ArgumentNullException.ThrowIfNull(set);
        Guard.NotNegative(epsilon);
        if (set.Features.size(1) != mean.size(0))
            throw new ArgumentException($"features must be [N, {mean.size(0)}], got {Guard.Shape(set.Features)}.", nameof(set));
        using var scope = NewDisposeScope();
        var device = set.Features.device;
        var result = (set.Features.to(ScalarType.Float64) - mean.to(device)).matmul(components.to(device));
        if (whiten)
        {
            if (epsilon == 0 && Variances[^1] <= 1e-12 * Variances[0])
                throw new InvalidOperationException($"Component {Variances.Count} has no variance to be whitened; fit fewer components, "
                    + "or give an epsilon.");
            result.div_(tensor(Variances.Select(v => Math.Sqrt(v + epsilon)).ToArray()).to(device));
        }
        return new EmbeddingSet(result.to(set.Features.dtype), set.Identities, set.Cameras);
    }

    /// <summary>Frees the components.</summary>
    public void Dispose()
    {
        mean.Dispose();
        components.Dispose();
    }
}
