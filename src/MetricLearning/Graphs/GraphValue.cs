namespace MetricLearning;

/// <summary>A tensor of a <see cref="NetworkGraph"/>: an input, a weight, or the result of an operation.</summary>
/// <remarks>Thread safety: immutable; any number of threads may use it at once.</remarks>
/// <param name="Name">The name, which no other value of the graph has.</param>
/// <param name="Shape">The sizes; <see cref="Unknown"/> for a size that is known only when the network runs, such as that of the
/// batch.</param>
public sealed record GraphValue(string Name, IReadOnlyList<long> Shape)
{
    /// <summary>A size that is known only when the network runs: −1.</summary>
    public const long Unknown = -1;
}
