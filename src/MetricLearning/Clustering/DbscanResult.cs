namespace MetricLearning;

/// <summary>The clusters that <see cref="Dbscan"/> found.</summary>
/// <remarks>Thread safety: immutable; any number of threads may use it at once.</remarks>
public sealed class DbscanResult
{
    internal DbscanResult(IReadOnlyList<long> assignments, IReadOnlyList<bool> isCore, int clusters) =>
        (Assignments, IsCore, Clusters) = (assignments, isCore, clusters);

    /// <summary>The cluster of each row, from 0. It is −1 for noise, which is no cluster; as an identity, −1 is junk.</summary>
    public IReadOnlyList<long> Assignments { get; }

    /// <summary>Whether each row is a core row. The other rows of a cluster are at its border.</summary>
    public IReadOnlyList<bool> IsCore { get; }

    /// <summary>The number of clusters.</summary>
    public int Clusters { get; }
}
