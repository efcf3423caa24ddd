namespace MetricLearning;

/// <summary>Sums the values of queries by identity, if identities are given.</summary>
internal static class PairedValues
{
    /// <summary>Computes the sum and the number of the values of each group, in the order in which the groups appear. NaN is left
    /// out.</summary>
    public static (double Sum, int Count)[] Groups(IReadOnlyList<double> values, IReadOnlyList<long>? identities,
        string name = "identities")
    {
        ArgumentNullException.ThrowIfNull(values);
        if (identities is not null && identities.Count != values.Count)
            throw new ArgumentException($"{name} must have one entry per value, {values.Count}, got {identities.Count}.", name);
        return [.. Enumerable.Range(0, values.Count).Where(i => !double.IsNaN(values[i]))
            .GroupBy(i => identities is null ? i : identities[i])
            .Select(group => (group.Sum(i => values[i]), group.Count()))];
    }
}
