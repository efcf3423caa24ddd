namespace MetricLearning;

/// <summary>What one query finds: gallery images nearest first, without those that the protocol removes.</summary>
/// <param name="Query">The query's row.</param>
/// <param name="Indices">Gallery rows, nearest first; ties by index.</param>
/// <param name="Distances">The distance of each, in the units of the evaluator's distance.</param>
/// <param name="IsMatch">Whether each shows the query's identity.</param>
public sealed record RankedList(int Query, IReadOnlyList<int> Indices, IReadOnlyList<double> Distances, IReadOnlyList<bool> IsMatch)
{
    /// <summary>How many images are listed: fewer than asked for where the protocol leaves fewer.</summary>
    public int Count => Indices.Count;
}
