using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Σ w[label of the anchor]·vᵢ / K; 0 for K = 0.</summary>
internal sealed class ClassWeightedReducer : Reducer
{
    private readonly double[] weights;

    public ClassWeightedReducer(IReadOnlyList<double> weights)
    {
        ArgumentNullException.ThrowIfNull(weights);
        this.weights = weights.All(double.IsFinite) ? [.. weights]
            : throw new ArgumentException($"weights must be finite, got [{string.Join(", ", weights)}].", nameof(weights));
    }

    internal override bool TakesSums(bool signed) => true;

    protected override Tensor ReduceCore(LossTerm term, LossBatch batch)
    {
        var anchors = term.Anchors ?? throw new InvalidOperationException(
            "The values of this loss do not belong to rows, so they have no class.");
        var labels = batch.Labels ?? throw new InvalidOperationException(
            "The tuples were given without labels, so the anchors have no class.");
        Guard.InRange(labels, weights.Length, reason: $", because the reducer has weights for {weights.Length} classes");
        var byClass = tensor(weights, term.Values.dtype, term.Values.device);
        return term.Mean((term.Values * byClass.index_select(0, labels.index_select(0, anchors))).sum());
    }
}
