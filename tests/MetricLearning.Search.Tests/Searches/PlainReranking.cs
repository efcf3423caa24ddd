namespace MetricLearning.Search.Tests;

/// <summary>k-reciprocal re-ranking as the paper writes it: sets, dense rows, plain loops.</summary>
internal static class PlainReranking
{
    /// <summary>New distances of rows 1, 2, ... to row 0.</summary>
    public static double[] Distances(double[][] squares, int k1, int k2, double lambda)
    {
        var count = squares.Length;
        var d = squares.Select(row => row.Select(value => value / row.Max()).ToArray()).ToArray();
        var order = d.Select(row => Enumerable.Range(0, count).OrderBy(j => row[j]).ThenBy(j => j).ToArray()).ToArray();
        var weights = new double[count][];
        for (var i = 0; i < count; i++)
        {
            var near = Reciprocal(i, k1);
            HashSet<int> all = [.. near];
            foreach (var candidate in near)
            {
                var its = Reciprocal(candidate, (int)Math.Round(k1 / 2.0));
                if (its.Intersect(near).Count() > 2.0 / 3 * its.Count) all.UnionWith(its);
            }
            var sum = all.Sum(j => Math.Exp(-d[i][j]));
            weights[i] = [.. Enumerable.Range(0, count).Select(j => all.Contains(j) ? Math.Exp(-d[i][j]) / sum : 0)];
        }
        var means = Enumerable.Range(0, count).Select(i => Enumerable.Range(0, count)
            .Select(j => order[i].Take(k2).Average(row => weights[row][j])).ToArray()).ToArray();
        return [.. Enumerable.Range(1, count - 1).Select(row =>
        {
            var shared = means[0].Zip(means[row], Math.Min).Sum();
            return (1 - lambda) * (1 - shared / (2 - shared)) + lambda * d[0][row];
        })];

        List<int> Reciprocal(int i, int k) =>
            [.. order[i].Take(k + 1).Where(candidate => order[candidate].Take(k + 1).Contains(i))];
    }
}
