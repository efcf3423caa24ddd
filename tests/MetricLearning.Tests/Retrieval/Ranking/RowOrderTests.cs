namespace MetricLearning.Tests;

public class RowOrderTests
{
    /// <summary>Tests both sorting algorithms, on each side of the number of rows where the algorithm changes. There are ties, both zeros,
    /// extreme numbers, and keys that agree in their upper digits.</summary>
    [Theory, InlineData(0), InlineData(1), InlineData(1023), InlineData(1024), InlineData(5000)]
    public void Sort_IsThatOfKeysThenRows(int count)
    {
        double[] extremes = [0.0, -0.0, double.Epsilon, -double.Epsilon, double.MaxValue, double.MinValue, 1, -1, 1e-300];
        foreach (var (share, middle) in new[] { (0.0, 0.0), (0.5, 0), (1, 0), (0, 1e18), (0.01, 1e14), (0, 1e12) })
        {
            var random = SeededRandom.ForStream(6, (ulong)(count + 10 * share));
            var keys = new double[count];
            for (var i = 0; i < count; i++)
                keys[i] = random.NextInt(1000) < 1000 * share ? extremes[random.NextInt(extremes.Length)]
                    : middle + random.NextInt(1 << 30) - (1 << 29);
            var rows = Enumerable.Range(0, count).ToArray();
            for (var i = count - 1; i > 0; i--)
            {
                var j = random.NextInt(i + 1);
                (rows[i], rows[j]) = (rows[j], rows[i]);
            }
            var (sortedKeys, sortedRows) = ((double[])keys.Clone(), (int[])rows.Clone());
            RowOrder.Sort(sortedKeys, sortedRows);
            var expected = Enumerable.Range(0, count).OrderBy(i => keys[i]).ThenBy(i => rows[i]).ToArray();
            Assert.Equal(expected.Select(i => rows[i]), sortedRows);
            Assert.Equal(expected.Select(i => BitConverter.DoubleToInt64Bits(keys[i])), sortedKeys.Select(BitConverter.DoubleToInt64Bits));
        }
    }
}
