namespace MetricLearning;

/// <summary>The distances that the formula of a loss or of a miner is defined for. All others are refused.</summary>
internal sealed class AllowedDistances
{
    private readonly Distance[] distances;

    /// <summary>Allows at least one distance.</summary>
    /// <exception cref="ArgumentException">There is no distance, or one is null.</exception>
    public AllowedDistances(Distance[] distances, string name)
    {
        ArgumentNullException.ThrowIfNull(distances, name);
        if (distances.Length == 0 || distances.Contains(null))
            throw new ArgumentException($"{name} must have at least one distance, and no null.", name);
        this.distances = [.. distances];
    }

    /// <summary>The first of them.</summary>
    public Distance Default => distances[0];

    /// <summary>Whether a distance is among them. Null is not.</summary>
    public bool Permits(Distance? distance) => distances.Contains(distance);

    /// <summary>Their names, for messages: <c>Euclidean or Euclidean.Normalized()</c>.</summary>
    public override string ToString() => string.Join<Distance>(" or ", distances);
}
