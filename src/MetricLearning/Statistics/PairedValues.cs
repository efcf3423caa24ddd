namespace MetricLearning;

/// <summary>Values of queries, summed by identity where identities are given.</summary>
internal static class PairedValues
{
    /// <summary>Sum and number of the values of each group, in order of first appearance; NaN left out.</summary>
    public static (double Sum, int Count)[] Groups(IReadOnlyList<double> values, IReadOnlyList<long>? ids)
    {
        ArgumentNullException.ThrowIfNull(values);
        if (ids is not null && ids.Count != values.Count)
            throw new ArgumentException($"ids must have one entry a value, {values.Count}, got {ids.Count}.", nameof(ids));
        return [.. Enumerable.Range(0, values.Count).Where(i => !double.IsNaN(values[i])).GroupBy(i => ids is null ? i : ids[i])
            .Select(group => (group.Sum(i => values[i]), group.Count()))];
    }
}
