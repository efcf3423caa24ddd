using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Pulls each embedding to a learned center of its class: <c>‖x − c_y‖²</c>.</summary>
/// <remarks>
/// Default: mean over the samples, as reid-strong-baseline's CenterLoss (which adds 10⁻¹² for each other class). Used beside others with a
/// small weight (0.0005) and the centers in an optimizer of their own (SGD 0.5 there, with the gradient divided by the weight).
/// It has no margin: used alone it lets all embeddings collapse to one point. Wen et al., ECCV 2016.
/// </remarks>
public sealed class CenterLoss : MetricLoss
{
    private readonly Parameter centers;

    /// <summary>Creates the centers, drawn from N(0, 1).</summary>
    /// <param name="classes">C, at least 1.</param>
    /// <param name="dimension">D of the embeddings, at least 1.</param>
    /// <exception cref="ArgumentOutOfRangeException">A number is outside its range or not finite.</exception>
    public CenterLoss(long classes, long dimension) : base(nameof(CenterLoss))
    {
        centers = nn.Parameter(randn(Guard.AtLeast(classes, 1), Guard.AtLeast(dimension, 1)));
        RegisterComponents();
    }

    /// <summary>[C, D].</summary>
    public Parameter Centers => centers;

    /// <inheritdoc/>
    protected override IEnumerable<LossTerm> Terms(LossBatch batch)
    {
        ArgumentNullException.ThrowIfNull(batch);
        var labels = batch.Labels ?? throw new InvalidOperationException("CenterLoss needs labels, and tuples were given.");
        Guard.InRange(labels, centers.size(0));
        var own = centers.to(batch.Embeddings.dtype).index_select(0, labels);
        yield return new(Distance.EuclideanSquared.Pairwise(batch.Embeddings, own), Iota(batch.Rows, own.device));
    }
}
