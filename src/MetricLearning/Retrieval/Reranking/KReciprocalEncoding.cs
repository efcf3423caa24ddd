namespace MetricLearning;

/// <summary>The rows V of k-reciprocal re-ranking: which rows each lies among, and how near they are.</summary>
internal static class KReciprocalEncoding
{
    /// <param name="lists">The nearest rows of every row, itself among them.</param>
    /// <param name="k1">Neighbors that must have one another.</param>
    /// <param name="k2">Rows that are averaged.</param>
    /// <param name="distance">The distance whose negative is the exponent of a weight.</param>
    public static SparseRow[] Of(NeighborLists lists, int k1, int k2, Func<int, int, double> distance)
    {
        var count = lists.FarthestKeys.Length;
        var (near, nearer, weights) = (new int[count][], new int[count][], new SparseRow[count]);
        var half = (int)Math.Round(k1 / 2.0, MidpointRounding.ToEven);      // as NumPy's around
        Threads.For(count, i => (near[i], nearer[i]) = (Reciprocal(lists, i, k1), Reciprocal(lists, i, half)));
        Threads.For(count, i => weights[i] = Weights(Expanded(near[i], nearer), column => distance(i, column)));
        var averaged = Math.Min(k2, lists.Width);
        if (k2 == 1 || averaged == 0) return weights;
        var (means, ones) = (new SparseRow[count], Enumerable.Repeat(1.0, averaged).ToArray());
        Threads.For(count, i =>
        {
            var rows = new SparseRow[averaged];
            for (var r = 0; r < averaged; r++) rows[r] = weights[lists.Rows(i)[r]];
            means[i] = SparseRow.Sum(rows, ones).Over(averaged);
        });
        return means;
    }

    /// <summary>Those of a row's first k + 1 (itself and k neighbors) that have it among theirs, nearest first.</summary>
    private static int[] Reciprocal(NeighborLists lists, int row, int k)
    {
        var depth = Math.Min(k + 1, lists.Width);
        var found = new List<int>(depth);
        foreach (var candidate in lists.Rows(row)[..depth])
            if (lists.Rows(candidate)[..depth].Contains(row)) found.Add(candidate);
        return [.. found];
    }

    /// <summary>The neighbors and, of those that lie well among them, their own; ascending.</summary>
    private static int[] Expanded(int[] near, int[][] nearer)
    {
        var all = new SortedSet<int>(near);
        foreach (var candidate in near)
        {
            var common = nearer[candidate].Count(row => near.AsSpan().Contains(row));
            if (common > 2.0 / 3 * nearer[candidate].Length) all.UnionWith(nearer[candidate]);
        }
        return [.. all];
    }

    /// <summary><c>exp(−d) / Σ exp(−d)</c>; from the least distance on, so that nothing underflows that matters.</summary>
    private static SparseRow Weights(int[] columns, Func<int, double> distance)
    {
        var values = Array.ConvertAll(columns, column => distance(column));
        var least = values.DefaultIfEmpty().Min();
        values = Array.ConvertAll(values, d => Math.Exp(least - d));
        return new SparseRow(columns, values).Over(values.Sum());
    }
}
