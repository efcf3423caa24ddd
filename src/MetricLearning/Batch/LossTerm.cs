using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>The values of a loss before they are reduced to one number: one for each tuple, sample or class.</summary>
/// <remarks>Thread safety: immutable except for the tensors that it holds; any number of threads may read it at once.</remarks>
/// <param name="Values">[K], with gradient; or a scalar, which reducers leave unchanged.</param>
/// <param name="Anchors">int64 [K], the row of the batch that each value belongs to; null if they belong to no row (proxies,
/// classes).</param>
public readonly record struct LossTerm(Tensor Values, Tensor? Anchors = null)
{
    /// <summary>The scalar by which <see cref="Reducer.Divisor"/> divides the sum; null if the loss defines none.</summary>
    public Tensor? Divisor { get; init; }

    /// <summary>The number of this term among the terms of the loss, from 0.</summary>
    internal int Place { get; init; }

    /// <summary>
    /// [K]: how many values were summed, if each value is the sum of several values of its row. Null if nothing was summed. Only for
    /// reducers that accept sums (<see cref="Reducer.TakesSums"/>).
    /// </summary>
    internal Tensor? Counts { get; init; }

    /// <summary>[K], if <see cref="Counts"/> is set: how many of the summed values are not 0.</summary>
    internal Tensor? ActiveCounts { get; init; }

    /// <summary>The number of values that are not 0, a scalar.</summary>
    internal Tensor Active => ActiveCounts?.sum() ?? (Values != S(0)).sum();

    /// <summary>A sum over all values, divided by their number; 0 if there are none.</summary>
    internal Tensor Mean(Tensor sum) => Counts is null ? sum / S(Math.Max(1, Values.size(0))) : sum / Counts.sum().clamp_min(S(1));
}
