using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Pulls each embedding to a learned center of its class: <c>‖x − c_y‖²</c>.</summary>
/// <remarks>
/// Default: mean over the samples, as in reid-strong-baseline's CenterLoss (which adds 10⁻¹² for each other class). Add this loss to
/// another one with a small weight, such as 0.0005, and give the centers their own optimizer. reid-strong-baseline uses SGD with a rate of
/// 0.5 and divides the gradient by the weight. The loss has no margin: alone, it lets all embeddings collapse to one point. Wen et al.,
/// ECCV 2016.
/// </remarks>
public sealed class CenterLoss : MetricLoss
{
    private readonly Parameter centers;

    /// <summary>Creates the centers, drawn from N(0, 1).</summary>
    /// <param name="classes">The number of classes C, at least 1.</param>
    /// <param name="dimension">The dimension D of the embeddings, at least 1.</param>
    /// <exception cref="ArgumentOutOfRangeException">A number is outside its range or not finite.</exception>
    public CenterLoss(long classes, long dimension) : base(nameof(CenterLoss))
    {
        centers = nn.Parameter(randn(Guard.AtLeast(classes, 1), Guard.AtLeast(dimension, 1)));
        RegisterComponents();
    }

    /// <summary>The learned centers [C, D], one row for each class.</summary>
    /// <exception cref="ObjectDisposedException">The loss has been disposed.</exception>
    public Parameter Centers => Guard.Owned(centers, this);

    /// <inheritdoc/>
    protected override IEnumerable<LossTerm> Terms(LossBatch batch)
    {
        ArgumentNullException.ThrowIfNull(batch);
        var labels = batch.Labels ?? throw new InvalidOperationException("CenterLoss needs labels, and tuples were given.");
        Guard.Width(batch.Embeddings, centers.size(1));
        Guard.InRange(labels, centers.size(0));
        var own = centers.to(batch.Embeddings.dtype).index_select(0, labels);
        yield return new(Distance.EuclideanSquared.Pairwise(batch.Embeddings, own), Iota(batch.Rows, own.device));
    }
}
