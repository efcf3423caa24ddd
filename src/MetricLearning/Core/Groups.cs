namespace MetricLearning;

/// <summary>Rows by label, in flat arrays: a million rows cost a few milliseconds and no object each.</summary>
internal static class Groups
{
    /// <summary>Each value's number in order of first appearance.</summary>
    public static int[] Number(IReadOnlyList<long> values) => Number(values, out _);

    /// <summary>The rows of each label that has at least <paramref name="minimum"/> of them; how many labels have fewer.</summary>
    /// <returns>The rows of group i are <c>rows[starts[i]..starts[i + 1]]</c>, ascending; groups in order of first appearance.</returns>
    public static (int[] Starts, int[] Rows, int LeftOut) Of(IReadOnlyList<long> labels, int minimum)
    {
        var numbers = Number(labels, out var count);
        var sizes = new int[count];
        foreach (var number in numbers) sizes[number]++;
        var next = new int[count];
        var starts = new List<int>(count + 1);
        var total = 0;
        for (var i = 0; i < count; i++)
        {
            next[i] = sizes[i] < minimum ? -1 : total;
            if (sizes[i] < minimum) continue;
            starts.Add(total);
            total += sizes[i];
        }
        starts.Add(total);
        var rows = new int[total];
        for (var row = 0; row < numbers.Length; row++)
            if (next[numbers[row]] >= 0) rows[next[numbers[row]]++] = row;
        return ([.. starts], rows, count + 1 - starts.Count);
    }

    private static int[] Number(IReadOnlyList<long> values, out int count)
    {
        var numbers = new int[values.Count];
        var known = new Dictionary<long, int>();
        for (var i = 0; i < numbers.Length; i++)
        {
            if (!known.TryGetValue(values[i], out numbers[i])) known.Add(values[i], numbers[i] = known.Count);
        }
        count = known.Count;
        return numbers;
    }
}
