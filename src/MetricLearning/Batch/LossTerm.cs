using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>What a loss gives before it is reduced to one number: a value for each tuple, sample or class.</summary>
/// <param name="Values">[K], with gradient; or a scalar, which no reducer changes.</param>
/// <param name="Anchors">int64 [K], the row of the batch that each value belongs to; null where they belong to no row (proxies,
/// classes).</param>
public readonly record struct LossTerm(Tensor Values, Tensor? Anchors = null)
{
    /// <summary>What <see cref="Reducer.Divisor"/> divides the sum by: a scalar; null where the loss defines none.</summary>
    public Tensor? Divisor { get; init; }

    /// <summary>Which of the loss's terms this is, from 0.</summary>
    internal int Place { get; init; }

    /// <summary>
    /// [K], where each value is the sum of several values of its row: of how many. Null where each is one. Only for reducers that take sums
    /// (<see cref="Reducer.TakesSums"/>).
    /// </summary>
    internal Tensor? Counts { get; init; }

    /// <summary>[K], with <see cref="Counts"/>: how many of them are not 0.</summary>
    internal Tensor? ActiveCounts { get; init; }

    /// <summary>How many values there are: a scalar.</summary>
    internal Tensor Total => Counts?.sum() ?? tensor(Values.numel(), device: Values.device);

    /// <summary>How many of them are not 0: a scalar.</summary>
    internal Tensor Active => ActiveCounts?.sum() ?? (Values != S(0)).sum();

    /// <summary>A sum over all values by their number; 0 where there are none.</summary>
    internal Tensor Mean(Tensor sum) => Counts is null ? sum / S(Math.Max(1, Values.size(0))) : sum / Counts.sum().clamp_min(S(1));
}
