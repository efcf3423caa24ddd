using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Principal components of features, fitted on one set and applied to others: <c>y = (x − μ) W</c>, optionally whitened,
/// <c>yᵢ / √(λᵢ + ε)</c> (Jégou and Chum 2012).</summary>
/// <remarks>
/// <para>The components are fitted in float64 from the covariance <c>Σ (x − μ)(x − μ)ᵀ / N</c>. The sign of each component is chosen so
/// that its entry with the largest absolute value is positive.</para>
/// <para>Thread safety: immutable; any number of threads may use it at once, until one of them disposes it.</para>
/// </remarks>
public sealed class PrincipalComponents : IDisposable
{
    private readonly Tensor mean, components;
    private readonly EmbeddingSpace? space;

    private PrincipalComponents(Tensor mean, Tensor components, double[] variances, double total, EmbeddingSpace? space) =>
        (this.mean, this.components, Variances, ExplainedVariance, this.space) =
            (mean, components, variances, total == 0 ? 1 : variances.Sum() / total, space);

    /// <summary>Finds the components of the largest variance.</summary>
    /// <param name="set">[N, D], N at least 1. Whitening with ε = 0 needs more rows than components.</param>
    /// <param name="count">The number of components, in [1, D]. Default: null, all D.</param>
    /// <param name="progress">Receives the share of the work that is done, from 0 to 1, after the covariance and after its
    /// eigenvectors. Default: null, no reports.</param>
    /// <param name="cancellationToken">Cancels the call; it is checked before and after the covariance, and after its
    /// eigenvectors.</param>
    /// <returns>The components, which the caller disposes.</returns>
    /// <exception cref="ArgumentException">There are no rows, or a feature is not finite, or above 1e150 in size, or all are below
    /// 1e-140 but not 0.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The number of components is not in [1, D].</exception>
    /// <exception cref="OperationCanceledException">The call was canceled.</exception>
    public static PrincipalComponents Fit(EmbeddingSet set, int? count = null, IProgress<double>? progress = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(set);
        var call = CallProgress.Begin(progress, cancellationToken);
        if (set.Count == 0) throw new ArgumentException("There are no rows to fit on.", nameof(set));
        var width = (int)set.Features.size(1);
        var kept = count is { } given ? (int)Guard.Within(given, 1, width, nameof(count)) : width;
        SetGuard.Squarable(set);
        using var scope = NewDisposeScope();
        var x = set.Features.to(ScalarType.Float64);
        var mean = RowMath.MeanAlong(x, 0).squeeze(0);
        x = x - mean;
        var covariance = x.t().matmul(x).div_(S(set.Count));
        call.Report(0.5);
        var (values, vectors) = linalg.eigh(covariance);
        call.Report(0.9);
        var all = TensorMemory.Copy<double>(values.clamp_min(S(0)));
        Array.Reverse(all);
        var axes = vectors.flip(1).narrow(1, 0, kept);
        var signs = axes.gather(0, axes.abs().argmax(0, keepdim: true)).sign();
        var components = (axes * signs).contiguous();
        call.Done();
        return new PrincipalComponents(mean.DetachFromDisposeScope(), components.DetachFromDisposeScope(), all[..kept], all.Sum(),
            set.Space);
    }

    /// <summary>The variance along each component, largest first.</summary>
    public IReadOnlyList<double> Variances { get; }

    /// <summary>The share of all variance that the components hold, in [0, 1].</summary>
    public double ExplainedVariance { get; }

    /// <summary>Projects a set onto the components.</summary>
    /// <param name="set">[N, D], of the width that was fitted.</param>
    /// <param name="whiten">Whether each component is scaled to variance 1. Default: no.</param>
    /// <param name="epsilon">ε, which is added to the variances before whitening, 0 or greater: with 0 a component without variance cannot
    /// be whitened. Default: 0.</param>
    /// <returns>A set [N, count] of the same type, which the caller disposes. Its <see cref="EmbeddingSet.Space"/> is not known: the
    /// model's own embeddings cannot be compared with it.</returns>
    /// <exception cref="ArgumentException">The width or the embedding space differs from that of the fitted set, or a feature is not
    /// finite.</exception>
    /// <exception cref="ObjectDisposedException">It has been disposed.</exception>
    /// <exception cref="ArgumentOutOfRangeException">ε is not finite, or less than 0.</exception>
    /// <exception cref="InvalidOperationException">A component has almost no variance (at most 1e-12 of that of the first), whitening is
    /// asked for, and ε is 0.</exception>
    public EmbeddingSet Apply(EmbeddingSet set, bool whiten = false, double epsilon = 0)
    {
        ArgumentNullException.ThrowIfNull(set);
        Guard.NotNegative(epsilon);
        if (set.Features.size(1) != Guard.Owned(mean, this).size(0))
            throw new ArgumentException($"features must be [N, {mean.size(0)}], got {Guard.Shape(set.Features)}.", nameof(set));
        EmbeddingSpace.RequireSame(space, set.Space, "the fitted set", nameof(set));
        SetGuard.Finite(set);
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
