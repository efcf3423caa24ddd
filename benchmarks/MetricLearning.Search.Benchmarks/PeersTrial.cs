using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text.Json;
using Cloud.Unum.USearch;

namespace MetricLearning.Search.Benchmarks;

/// <summary>The index in memory beside USearch's HNSW. It writes the vectors and our answers for <c>faiss_flat.py</c>, which times
/// Faiss.</summary>
internal static class PeersTrial
{
    private const int Nearest = 100, Single = 100;
    private const double Recall = 0.99;

    /// <summary>Filters keep one row in so many.</summary>
    private static readonly int[] filters = [1, 10, 100, 1000];

    public static void Run(DirectoryInfo folder, int rows, int width, int queries)
    {
        var vectors = Enumerable.Range(0, rows).AsParallel().AsOrdered().Select(key => DrawnVectors.Of(key, width)).ToArray();
        var asked = Enumerable.Range(0, queries).AsParallel().AsOrdered().Select(query => DrawnVectors.Query(query, width)).ToArray();
        Timings.Line($"{rows:N0} rows, {queries:N0} queries, D = {width}, the nearest {Nearest}, {Environment.ProcessorCount} threads");
        Export(folder, vectors, asked, width);
        var began = Stopwatch.GetTimestamp();
        var index = new ExactIndex<int>(width);
        index.Add(vectors.Select((vector, key) => new SearchRow<int>(key, vector)));
        Timings.Line($"ours: filled in {Seconds(began):0.0} s");
        var answers = filters.ToDictionary(oneIn => oneIn, oneIn => Ours(index, asked, oneIn, folder));
        began = Stopwatch.GetTimestamp();
        using var graph = new USearchIndex(MetricKind.Cos, ScalarKind.Float32, (ulong)width);
        for (var key = 0; key < rows; key++) graph.Add((ulong)key, vectors[key]);
        Timings.Line($"USearch HNSW: filled in {Seconds(began):0.0} s on one thread");
        foreach (var oneIn in filters) Theirs(graph, asked, oneIn, rows, answers[oneIn]);
    }

    private static int[][] Ours(ExactIndex<int> index, float[][] asked, int oneIn, DirectoryInfo folder)
    {
        var filter = oneIn == 1 ? null : SearchFilter<int>.Where((key, _) => key % oneIn == 0);
        ReadOnlyMemory<float>[] all = [.. asked];
        index.Search(all[..Math.Min(all.Length, 8)], Nearest, filter);
        var began = Stopwatch.GetTimestamp();
        var found = index.Search(all, Nearest, filter).Select(hits => hits.Select(hit => hit.Key).ToArray()).ToArray();
        Timings.Line($"ours, {100.0 / oneIn} % of the rows: {1000 * Seconds(began):0} ms for all queries");
        Timings.Print("  one by one", Math.Min(Single, asked.Length), query => index.Search(asked[query], Nearest, filter));
        Write(folder, $"answers-{oneIn}.i64", found.SelectMany(keys => keys).Select(key => (long)key).ToArray());
        return found;
    }

    /// <summary>Asks for more and more candidates, until those that the filter keeps have enough of the right rows. The index has no filter
    /// that finds all.</summary>
    private static void Theirs(USearchIndex graph, float[][] asked, int oneIn, int rows, int[][] expected)
    {
        var count = Math.Min(Single, asked.Length);
        for (var candidates = Nearest; ; candidates = Math.Min(rows, 2 * candidates))
        {
            var (hits, began) = (0, Stopwatch.GetTimestamp());
            for (var query = 0; query < count; query++)
            {
                graph.Search(asked[query], candidates, out var keys, out _);
                hits += keys.Where(key => key % (ulong)oneIn == 0).Take(Nearest)
                    .Intersect(expected[query].Select(key => (ulong)key)).Count();
            }
            var recall = (double)hits / expected.Take(count).Sum(keys => keys.Length);
            var each = 1000 * Seconds(began) / count;
            Timings.Line($"USearch, {100.0 / oneIn} % of the rows, {candidates:N0} candidates: {each:0.00} ms, recall {recall:0.0000}");
            if (recall >= Recall || candidates == rows) return;
        }
    }

    private static void Export(DirectoryInfo folder, float[][] vectors, float[][] asked, int width)
    {
        folder.Create();
        Write(folder, "rows.f32", vectors.SelectMany(vector => vector).ToArray());
        Write(folder, "queries.f32", asked.SelectMany(vector => vector).ToArray());
        File.WriteAllText(Path.Combine(folder.FullName, "shape.json"), JsonSerializer.Serialize(new
        {
            width, nearest = Nearest, oneIn = filters, threads = Environment.ProcessorCount,
        }));
    }

    private static void Write<T>(DirectoryInfo folder, string name, T[] values) where T : unmanaged
    {
        using var stream = File.Create(Path.Combine(folder.FullName, name));
        stream.Write(MemoryMarshal.AsBytes(values.AsSpan()));
    }

    private static double Seconds(long began) => Stopwatch.GetElapsedTime(began).TotalSeconds;
}
