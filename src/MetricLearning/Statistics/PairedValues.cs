using System.Globalization;

namespace MetricLearning;

/// <summary>Sums the values of queries by identity, if identities are given.</summary>
internal static class PairedValues
{
    /// <summary>Refuses infinite values, of which no mean and no test can be computed.</summary>
    /// <param name="values">The values; NaN is left out later.</param>
    /// <param name="name">The name of the argument.</param>
    /// <exception cref="ArgumentException">A value is infinite; the message names its place.</exception>
    public static void RefuseInfinite(IReadOnlyList<double> values, string name)
    {
        ArgumentNullException.ThrowIfNull(values, name);
        for (var i = 0; i < values.Count; i++)
            if (double.IsInfinity(values[i])) throw new ArgumentException(string.Create(CultureInfo.InvariantCulture,
                $"{name} must be finite, or NaN to be left out, got {values[i]} at {i}."), name);
    }

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
