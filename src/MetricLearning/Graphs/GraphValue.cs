namespace MetricLearning;

/// <summary>A tensor of a <see cref="NetworkGraph"/>: an input, a weight, or what an operation gives.</summary>
/// <remarks>Thread safety: immutable; any number of threads may use it at once.</remarks>
/// <param name="Name">The name, which no other value of the graph has.</param>
/// <param name="Shape">The sizes; <see cref="Unknown"/> where a size is known only when the network runs, as the batch is.</param>
public sealed record GraphValue(string Name, IReadOnlyList<long> Shape)
{
    /// <summary>A size that is known only when the network runs: −1.</summary>
    public const long Unknown = -1;
}
