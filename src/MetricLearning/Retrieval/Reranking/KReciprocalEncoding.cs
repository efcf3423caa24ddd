namespace MetricLearning;

/// <summary>The rows V of k-reciprocal re-ranking: for each row the weights of its reciprocal neighbors.</summary>
internal static class KReciprocalEncoding
{
    /// <param name="lists">The nearest rows of every row, itself among them.</param>
    /// <param name="k1">The number of neighbors that are searched for reciprocal ones.</param>
    /// <param name="k2">Rows that are averaged.</param>
    /// <param name="distance">The distance whose negative is the exponent of a weight.</param>
    /// <param name="progress">The call.</param>
    public static SparseRow[] Of(NeighborLists lists, int k1, int k2, Func<int, int, double> distance, CallProgress progress)
    {
        var count = lists.FarthestKeys.Length;
        var (near, nearer, weights) = (new int[count][], new int[count][], new SparseRow[count]);
        var half = (int)Math.Round(k1 / 2.0, MidpointRounding.ToEven);      // as NumPy's around
        progress.Part(0, 0.3).For(count, i => (near[i], nearer[i]) = (Reciprocal(lists, i, k1), Reciprocal(lists, i, half)));
        progress.Part(0.3, 0.7).For(count, i => weights[i] = Weights(Expanded(near[i], nearer), i, distance));
        var averaged = Math.Min(k2, lists.Width);
        if (k2 == 1 || averaged == 0) return weights;
        var (means, ones) = (new SparseRow[count], Enumerable.Repeat(1.0, averaged).ToArray());
        progress.Part(0.7, 1).For(count, i =>
        {
            var rows = new SparseRow[averaged];
            for (var r = 0; r < averaged; r++) rows[r] = weights[lists.Rows(i)[r]];
            means[i] = SparseRow.Sum(rows, ones, averaged);
        });
        return means;
    }

    /// <summary>The rows among a row's first k + 1 (itself and k neighbors) that have it among their own, nearest first.</summary>
    private static int[] Reciprocal(NeighborLists lists, int row, int k)
    {
        var depth = Math.Min(k, lists.Width - 1) + 1;
        var (found, count) = (Scratch.Ints(depth), 0);
        foreach (var candidate in lists.Rows(row)[..depth])
            if (lists.Rows(candidate)[..depth].Contains(row)) found[count++] = candidate;
        return found[..count];
    }

    /// <summary>The neighbors, and for each neighbor whose own neighbors are mostly among them, those too; ascending.</summary>
    private static int[] Expanded(int[] near, int[][] nearer)
    {
        var most = near.Length;
        foreach (var candidate in near) most += nearer[candidate].Length;
        var (all, count) = (Scratch.Ints(most), near.Length);
        near.CopyTo(all, 0);
        foreach (var candidate in near)
        {
            var (own, common) = (nearer[candidate], 0);
            foreach (var row in own) common += near.AsSpan().Contains(row) ? 1 : 0;
            if (common <= 2.0 / 3 * own.Length) continue;
            own.CopyTo(all, count);
            count += own.Length;
        }
        Array.Sort(all, 0, count);
        var distinct = 0;
        for (var i = 0; i < count; i++)
            if (i == 0 || all[i] != all[i - 1]) all[distinct++] = all[i];
        return all[..distinct];
    }

    /// <summary><c>exp(−d) / Σ exp(−d)</c>. The smallest distance is subtracted first, so that the largest weights do not
    /// underflow.</summary>
    private static SparseRow Weights(int[] columns, int row, Func<int, int, double> distance)
    {
        var (values, least, sum) = (new double[columns.Length], double.PositiveInfinity, 0.0);
        for (var i = 0; i < columns.Length; i++) least = Math.Min(least, values[i] = distance(row, columns[i]));
        for (var i = 0; i < columns.Length; i++) sum += values[i] = Math.Exp(least - values[i]);
        for (var i = 0; i < columns.Length; i++) values[i] /= sum;
        return new SparseRow(columns, values);
    }
}
