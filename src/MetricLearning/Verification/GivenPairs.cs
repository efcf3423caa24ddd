namespace MetricLearning;

/// <summary>Counts pairs whose distances are given.</summary>
internal static class GivenPairs
{
    /// <summary>Counts pairs, and keeps the order statistics that the targets need.</summary>
    /// <param name="matching">Distances of matching pairs; they are sorted.</param>
    /// <param name="others">Distances of non-matching pairs; they are sorted.</param>
    /// <param name="targets">False-match rates.</param>
    /// <param name="confidence">The confidence of their intervals.</param>
    public static PairCounts Count(double[] matching, double[] others, IReadOnlyList<double> targets, double confidence)
    {
        Array.Sort(matching);
        Array.Sort(others);
        var (values, equal) = Runs(matching);
        var (below, tied) = (new long[values.Length], new long[values.Length]);
        for (var i = 0; i < values.Length; i++)
        {
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

    /// <summary>The different numbers of an ascending array, and how often each occurs.</summary>
    public static (double[] Values, long[] Counts) Runs(double[] ascending)
    {
        var (values, counts, last) = (new double[ascending.Length], new long[ascending.Length], -1);
        foreach (var value in ascending)
        {
            if (last < 0 || value != values[last]) values[++last] = value;
            counts[last]++;
        }
        Array.Resize(ref values, last + 1);
        Array.Resize(ref counts, last + 1);
        return (values, counts);
    }

    /// <summary>How many numbers of a sorted array are below a value, or at most the value.</summary>
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
