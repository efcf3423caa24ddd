using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>The result of <see cref="LossSum.Compute(ModelOutput, Tensor, bool)"/>: a sum of losses on one batch.</summary>
/// <remarks>Thread safety: immutable except for the tensor that it holds; any number of threads may read it at once.</remarks>
/// <param name="Value">The weighted sum: a scalar with gradient, which the caller disposes.</param>
/// <param name="Parts">The parts, in the order in which they were added.</param>
public sealed record LossSumResult(Tensor Value, IReadOnlyList<LossPart> Parts)
{
    /// <summary>Gets a part by its name.</summary>
    /// <exception cref="ArgumentException">There is no such part; the message lists the names.</exception>
    public LossPart this[string name] => Parts.FirstOrDefault(part => part.Name == name)
        ?? throw new ArgumentException($"there is no loss named {name}; there are {string.Join(", ", Parts.Select(part => part.Name))}.",
            nameof(name));
}
