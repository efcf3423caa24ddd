using System.Globalization;
using System.Runtime.InteropServices;

namespace MetricLearning.Search.Tests;

/// <summary>Queries of arbitrary bits, widths, counts and filters are answered exactly or refused.</summary>
public class FuzzedQueryTests
{
    private const int Width = 24, Rows = 300;

    /// <summary>METRICLEARNING_QUERIES=1000000 runs the whole trial.</summary>
    [Theory]
    [InlineData(SearchMetric.Cosine)]
    [InlineData(SearchMetric.Dot)]
    [InlineData(SearchMetric.Euclidean)]
    public void AnyQuery_IsAnsweredOrRefused(SearchMetric metric)
    {
        var queries = int.Parse(Environment.GetEnvironmentVariable("METRICLEARNING_QUERIES") ?? "6000", CultureInfo.InvariantCulture);
        var random = new Random(11 + (int)metric);
        var index = new ExactIndex<int>(Width, metric, threads: 1);
        var rows = Enum.GetValues<RowKind>().SelectMany(kind => DrawnRows.Of(kind, Rows / 9, Width, (int)kind)).ToArray();
        index.Add(rows.Select((row, key) => new SearchRow<int>(key, row)));
        int answered = 0, refused = 0;
        for (var query = 0; query < queries; query++)
        {
            var vector = Vector(random, rows);
            var k = random.Next(12) == 0 ? random.Next(-2, 3) : random.Next(1, 400);
            var modulus = random.Next(1, 30);
            var filter = random.Next(3) switch
            {
                0 => null,
                1 => SearchFilter<int>.Where((key, _) => key % modulus == 0),
                _ => SearchFilter<int>.Keys(Enumerable.Range(0, random.Next(40)).Select(_ => random.Next(-5, 400))),
            };
            var good = k >= 1 && vector.Length == Width && vector.All(float.IsFinite)
                && (metric != SearchMetric.Cosine || vector.Any(value => value != 0));
            try
            {
                var hits = index.Search(vector, k, filter);
                Assert.True(good);
                answered++;
                if (query % 20 == 0) Check(vector, k, filter, modulus, hits);
            }
            catch (ArgumentException)
            {
                Assert.False(good);
                refused++;
            }
        }
        Assert.True(answered > queries / 4 && refused > queries / 20, $"{answered} answered, {refused} refused");

        void Check(float[] vector, int k, SearchFilter<int>? filter, int modulus, IReadOnlyList<SearchHit<int>> hits)
        {
            var kept = rows.Index().Where(row => filter is null || (filter.Set?.Contains(row.Index) ?? row.Index % modulus == 0));
            Assert.Equal(PlainSearch.Nearest(metric, vector, kept, k), hits.Select(hit => (hit.Key, hit.Score)));
        }
    }

    private static float[] Vector(Random random, float[][] rows)
    {
        var vector = new float[random.Next(10) == 0 ? random.Next(0, 3 * Width) : Width];
        switch (random.Next(4))
        {
            case 0: random.NextBytes(MemoryMarshal.AsBytes(vector.AsSpan())); break;
            case 1:
                foreach (ref var value in vector.AsSpan())
                    value = random.Next(8) switch
                    {
                        0 => 0, 1 => float.Epsilon, 2 => -0f, 3 => float.MaxValue, 4 => float.MinValue, 5 => 1e-38f,
                        6 => random.Next(30) == 0 ? float.NaN : 1, _ => random.NextSingle(),
                    };
                break;
            case 2:
                var row = rows[random.Next(rows.Length)];
                row.AsSpan(0, Math.Min(vector.Length, row.Length)).CopyTo(vector);
                break;
            default:
                foreach (ref var value in vector.AsSpan()) value = (float)(random.NextDouble() - 0.5) * MathF.Pow(10, random.Next(-45, 39));
                break;
        }
        return vector;
    }
}
