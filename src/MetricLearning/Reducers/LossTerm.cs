using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>What a loss gives before it is reduced to one number: a value for each tuple, sample or class.</summary>
/// <param name="Values">[K], with gradient; or a scalar, which no reducer changes.</param>
/// <param name="Anchors">int64 [K], the row of the batch that each value belongs to; null where they belong to no row (proxies, classes).</param>
public readonly record struct LossTerm(Tensor Values, Tensor? Anchors = null)
{
    /// <summary>What <see cref="Reducer.Divisor"/> divides the sum by: a scalar; null where the loss defines none.</summary>
    public Tensor? Divisor { get; init; }
}
