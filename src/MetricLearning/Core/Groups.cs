namespace MetricLearning;

/// <summary>Groups rows by label in flat arrays: a million rows take a few milliseconds and no object per row.</summary>
internal static class Groups
{
    /// <summary>Numbers the distinct values 0, 1, ... in order of first appearance.</summary>
    /// <returns>The number of each value.</returns>
    public static int[] Number(IReadOnlyList<long> values) => Number(values, out _);

    /// <summary>Groups the rows of each label that has at least <paramref name="minimum"/> rows.</summary>
    /// <returns>The rows of group i are <c>rows[starts[i]..starts[i + 1]]</c>, ascending. Groups are in order of first appearance.
    /// <c>LeftOut</c> is the number of labels with fewer rows.</returns>
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
