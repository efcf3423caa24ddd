namespace MetricLearning.Tests;

/// <summary>Computes k-reciprocal re-ranking with dense matrices, step by step as in the paper.</summary>
internal static class KReciprocalOracle
{
    /// <summary>Jaccard distances of all rows to one another.</summary>
    /// <param name="distances">[N, N]: row i orders the neighbors of i.</param>
    /// <param name="exponents">[N, N]: a weight is proportional to exp(−x) of its number x here; the weights of a row sum to 1.</param>
    /// <param name="k1">The number of neighbors.</param>
    /// <param name="k2">The number of nearest rows whose weights are averaged.</param>
    /// <param name="listed">The number of nearest rows that are known.</param>
    public static double[,] Jaccard(double[,] distances, double[,] exponents, int k1, int k2, int listed)
    {
        var count = distances.GetLength(0);
        var ranks = Enumerable.Range(0, count).Select(i =>
            Enumerable.Range(0, count).OrderBy(j => distances[i, j]).ThenBy(j => j).Take(listed).ToArray()).ToArray();
        var half = (int)Math.Round(k1 / 2.0, MidpointRounding.ToEven);
        int[] Reciprocal(int i, int k) => [.. ranks[i].Take(k + 1).Where(j => ranks[j].Take(k + 1).Contains(i))];

        var weights = new double[count, count];
        for (var i = 0; i < count; i++)
        {
            var near = Reciprocal(i, k1);
            var expanded = new List<int>(near);
            foreach (var candidate in near)
            {
                var own = Reciprocal(candidate, half);
                if (own.Intersect(near).Count() > 2.0 / 3 * own.Length) expanded.AddRange(own);
            }
            int[] members = [.. expanded.Distinct().Order()];
            var least = members.Length == 0 ? 0 : members.Min(j => exponents[i, j]);
            var sum = members.Sum(j => Math.Exp(least - exponents[i, j]));
            foreach (var j in members) weights[i, j] = Math.Exp(least - exponents[i, j]) / sum;
        }
        if (k2 != 1)
        {
            var means = new double[count, count];
            for (var i = 0; i < count; i++)
            {
                int[] rows = [.. ranks[i].Take(k2)];
                for (var j = 0; j < count; j++) means[i, j] = rows.Sum(row => weights[row, j]) / rows.Length;
            }
            weights = means;
        }
        var jaccard = new double[count, count];
        for (var i = 0; i < count; i++)
            for (var j = 0; j < count; j++)
            {
                var minima = 0.0;
                for (var column = 0; column < count; column++) minima += Math.Min(weights[i, column], weights[j, column]);
                jaccard[i, j] = Math.Max(0, 1 - minima / (2 - minima));
            }
        return jaccard;
    }

    public static double[,] OverRowMaximum(double[,] distances)
    {
        var count = distances.GetLength(0);
        var result = new double[count, count];
        for (var i = 0; i < count; i++)
        {
            var farthest = Enumerable.Range(0, count).Max(j => distances[i, j]);
            for (var j = 0; j < count; j++) result[i, j] = farthest == 0 ? 0 : distances[i, j] / farthest;
        }
        return result;
    }
}
