using System.Numerics;

namespace MetricLearning.Search.Benchmarks;

/// <summary>Single queries to an index in memory.</summary>
internal static class MemoryTrial
{
    private const int Nearest = 100, AtOnce = 20_000, Checked = 3;

    public static void Run(int rows, int width, int queries)
    {
        var index = new ExactIndex<int>(width);
        for (var first = 0; first < rows; first += AtOnce)
            index.Add(Enumerable.Range(first, Math.Min(AtOnce, rows - first)).AsParallel().AsOrdered()
                .Select(key => new SearchRow<int>(key, DrawnVectors.Of(key, width))));
        var asked = Enumerable.Range(0, queries).Select(number => DrawnVectors.Query(number, width)).ToArray();
        Timings.Line($"{rows:N0} rows, D = {width}, the nearest {Nearest}, {Environment.ProcessorCount} threads");

        var bytes = GC.AllocateUninitializedArray<byte>(checked(rows * width));
        Random.Shared.NextBytes(bytes);
        var floor = Timings.Print("8-bit rows read once", queries, _ => Read(bytes));
        foreach (var oneIn in new[] { 1, 10, 100, 1000 })
        {
            var filter = oneIn == 1 ? null : SearchFilter<int>.Where((key, _) => key % oneIn == 0);
            var median = Timings.Print($"filter of {100.0 / oneIn} %", queries, query => index.Search(asked[query], Nearest, filter));
            Timings.Line($"  {median / floor:0.00} x the reading; recall {Recall(index, asked, rows, oneIn):0.000} in {Checked} queries");
        }
    }

    private static void Read(byte[] bytes)
    {
        const int parts = 8;
        Parallel.For(0, parts, part =>
        {
            var (start, end) = ((long)bytes.Length * part / parts, (long)bytes.Length * (part + 1) / parts);
            var all = Vector<byte>.Zero;
            for (var i = (int)start; i <= end - Vector<byte>.Count; i += Vector<byte>.Count) all |= new Vector<byte>(bytes, i);
            GC.KeepAlive(all);
        });
    }

    /// <summary>Computes the share of the nearest rows, found by a plain loop, that the index finds.</summary>
    private static double Recall(ExactIndex<int> index, float[][] asked, int rows, int oneIn)
    {
        var shares = asked.Take(Checked).Select(query =>
        {
            var filter = SearchFilter<int>.Where((key, _) => key % oneIn == 0);
            var found = index.Search(query, Nearest, filter).Select(hit => hit.Key).ToHashSet();
            var nearest = Enumerable.Range(0, (rows + oneIn - 1) / oneIn).AsParallel().Select(i => i * oneIn)
                .Select(key => (Key: key, Score: PlainScore.Cosine(query, index.Find(key)!.Vector.Span)))
                .OrderByDescending(row => row.Score).ThenBy(row => row.Key).Take(Nearest).ToArray();
            return (double)nearest.Count(row => found.Contains(row.Key)) / nearest.Length;
        });
        return shares.Average();
    }
}
