namespace MetricLearning;

/// <summary>The list of one query: gallery images nearest first, without those that the protocol removes.</summary>
/// <remarks>Thread safety: immutable; any number of threads may use it at once.</remarks>
/// <param name="Query">The query's row.</param>
/// <param name="Indices">Gallery rows, nearest first; ties by index.</param>
/// <param name="Distances">The distance of each, in the units of the evaluator's distance.</param>
/// <param name="IsMatch">Whether each shows the query's identity.</param>
public sealed record RankedList(int Query, IReadOnlyList<int> Indices, IReadOnlyList<double> Distances, IReadOnlyList<bool> IsMatch)
{
    /// <summary>The number of images that are listed. It is less than the number asked for if the protocol leaves fewer
    /// images.</summary>
    public int Count => Indices.Count;
}
