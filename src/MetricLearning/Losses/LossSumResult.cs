using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>A sum of losses on one batch.</summary>
/// <param name="Value">The weighted sum: a scalar with gradient, which the caller disposes.</param>
/// <param name="Parts">The parts, in the order in which they were added.</param>
public sealed record LossSumResult(Tensor Value, IReadOnlyList<LossPart> Parts)
{
    /// <summary>The part of a name.</summary>
    /// <exception cref="ArgumentException">There is none; the message lists those that there are.</exception>
    public LossPart this[string name] => Parts.Select(part => (LossPart?)part).FirstOrDefault(part => part!.Value.Name == name)
        ?? throw new ArgumentException($"there is no loss named {name}; there are {string.Join(", ", Parts.Select(part => part.Name))}.",
            nameof(name));
}

/// <summary>One loss of a sum on one batch.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Weight">Its weight.</param>
/// <param name="Value">Its value, before the weight.</param>
/// <param name="Report"> What happened in it. A module that is no <see cref="MetricLoss"/> gives a scalar only, so its terms are 1; null
/// where what it looks at is not [N, D] with a label a row. </param>
public readonly record struct LossPart(string Name, double Weight, double Value, LossReport? Report);
