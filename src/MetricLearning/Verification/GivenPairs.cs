namespace MetricLearning;

/// <summary>Counts pairs whose distances are at hand.</summary>
internal static class GivenPairs
{
    /// <summary>Sorts copies of both; the order statistics of the given targets are kept.</summary>
    public static PairCounts Count(double[] matching, double[] others, IReadOnlyList<double> targets, double confidence)
    {
        Array.Sort(matching);
        Array.Sort(others);
        var values = matching.Distinct().ToArray();
        var (equal, below, tied) = (new long[values.Length], new long[values.Length], new long[values.Length]);
        for (var i = 0; i < values.Length; i++)
        {
            equal[i] = CountBelow(matching, values[i], orEqual: true) - CountBelow(matching, values[i], orEqual: false);
            below[i] = CountBelow(others, values[i], orEqual: false);
            tied[i] = CountBelow(others, values[i], orEqual: true) - below[i];
        }
        var ordered = new Dictionary<long, OrderStatistic>();
        foreach (var target in targets)
            foreach (var rank in TargetRanks.Of(target, others.Length, confidence).Needed(others.Length))
                ordered[rank] = new OrderStatistic(others[rank], CountBelow(others, others[rank], orEqual: false),
                    CountBelow(matching, others[rank], orEqual: false));
        return new PairCounts
        {
            Distance = "given",
            Values = values,
            Equal = equal,
            OthersBelow = below,
            OthersEqual = tied,
            Others = others.Length,
            Ordered = ordered,
        };
    }

    /// <summary>How many of a sorted array are below a value, or at most the value.</summary>
    public static int CountBelow(double[] sorted, double value, bool orEqual)
    {
        var (low, high) = (0, sorted.Length);
        while (low < high)
        {
            var middle = (low + high) >>> 1;
            if (sorted[middle] < value || (orEqual && sorted[middle] == value)) low = middle + 1;
            else high = middle;
        }
        return low;
    }
}
