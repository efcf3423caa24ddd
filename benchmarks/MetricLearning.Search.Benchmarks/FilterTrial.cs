using System.Diagnostics;
using System.Linq.Expressions;

namespace MetricLearning.Search.Benchmarks;

/// <summary>Filtered searches in a file.</summary>
internal static class FilterTrial
{
    private const int Checked = 3;

    public static async Task RunAsync(FileInfo file, int rows, int width, int queries)
    {
        using var store = new SqliteVectorStore(file.FullName);
        var records = FileTrial.Records(store, width);
        var before = Timings.Memory();
        Timings.Line($"{rows:N0} rows, D = {width}, the nearest {FileTrial.Nearest}, {Environment.ProcessorCount} threads");
        foreach (var groups in new[] { FileTrial.Groups, 100, 10, 1 })
        {
            Expression<Func<Dictionary<string, object?>, bool>> filter = record => (int)record["Group"]! < groups;
            var name = FormattableString.Invariant($"filter of {100.0 * groups / FileTrial.Groups} %");
            var began = Stopwatch.GetTimestamp();
            await SearchAsync(0, filter);
            Timings.Line($"{name}, the first: {Stopwatch.GetElapsedTime(began).TotalMilliseconds:0} ms");
            Timings.Print(name, queries, query => SearchAsync(query, filter).GetAwaiter().GetResult());
            Timings.Line($"  recall {await RecallAsync(filter, groups):0.000} in {Checked} queries");
        }
        var after = Timings.Memory();
        Timings.Line($"memory: {after.Own:0} MiB of its own ({before.Own:0} before), {after.Mapped:0} MiB mapped");

        async Task<List<long>> SearchAsync(int query, Expression<Func<Dictionary<string, object?>, bool>> filter) => await records
            .SearchAsync(DrawnVectors.Query(query, width), FileTrial.Nearest, new() { Filter = filter })
            .Select(hit => (long)hit.Record["Key"]!).ToListAsync();

        async Task<double> RecallAsync(Expression<Func<Dictionary<string, object?>, bool>> filter, int groups)
        {
            float[][] asked = [.. Enumerable.Range(0, Checked).Select(query => DrawnVectors.Query(query, width))];
            var scored = Enumerable.Range(0, rows).AsParallel().Where(key => key % FileTrial.Groups < groups)
                .Select(key => (Key: (long)key, Vector: DrawnVectors.Of(key, width)))
                .Select(row => (row.Key, Scores: Array.ConvertAll(asked, query => PlainScore.Cosine(query, row.Vector)))).ToArray();
            var shares = new List<double>();
            for (var query = 0; query < Checked; query++)
            {
                var found = (await SearchAsync(query, filter)).ToHashSet();
                var nearest = scored.OrderByDescending(row => row.Scores[query]).ThenBy(row => row.Key).Take(FileTrial.Nearest).ToArray();
                shares.Add((double)nearest.Count(row => found.Contains(row.Key)) / nearest.Length);
            }
            return shares.Average();
        }
    }
}
