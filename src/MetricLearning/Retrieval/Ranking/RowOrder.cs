namespace MetricLearning;

/// <summary>Sorts rows by their keys.</summary>
internal static class RowOrder
{
    /// <summary>Sorts keys and rows by key. Rows with equal keys are sorted by row.</summary>
    public static void Sort(Span<double> keys, Span<int> rows)
    {
        keys.Sort(rows);
        for (var i = 0; i < keys.Length;)       // the sort is not stable: put equal keys in the order of their rows
        {
            var end = i + 1;
            while (end < keys.Length && keys[end] == keys[i]) end++;
            rows[i..end].Sort();
            i = end;
        }
    }
}
