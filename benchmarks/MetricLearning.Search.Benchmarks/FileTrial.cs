using System.Diagnostics;
using Microsoft.Extensions.VectorData;

namespace MetricLearning.Search.Benchmarks;

/// <summary>A gallery in a file.</summary>
internal static class FileTrial
{
    /// <summary>How many records a search gives, and how many groups records are in.</summary>
    public const int Nearest = 100, Groups = 1000;

    private const int AtOnce = 5000;

    /// <summary>Adds rows and packs them.</summary>
    public static async Task FillAsync(FileInfo file, int rows, int width)
    {
        using var store = new SqliteVectorStore(file.FullName);
        var records = Records(store, width);
        await records.EnsureCollectionExistsAsync();
        var adding = TimeSpan.Zero;
        for (var first = 0; first < rows; first += AtOnce)
        {
            Dictionary<string, object?>[] added = [.. Enumerable.Range(first, Math.Min(AtOnce, rows - first)).AsParallel().AsOrdered()
                .Select(key => new Dictionary<string, object?>
                {
                    ["Key"] = (long)key, ["Group"] = key % Groups, ["Vector"] = DrawnVectors.Of(key, width),
                })];
            var began = Stopwatch.GetTimestamp();
            await records.UpsertAsync(added);
            adding += Stopwatch.GetElapsedTime(began);
        }
        Timings.Line($"{rows:N0} rows, D = {width}, added in calls of {AtOnce:N0}: {rows / adding.TotalSeconds:N0} rows/s");
        var packing = Stopwatch.GetTimestamp();
        await records.SearchAsync(DrawnVectors.Query(0, width), Nearest).ToListAsync();
        Timings.Line($"packed at the first search: {Stopwatch.GetElapsedTime(packing).TotalSeconds:0.0} s");
    }

    /// <summary>Opens a file and searches.</summary>
    public static async Task OpenAsync(FileInfo file, int width, int queries)
    {
        var before = Timings.Memory();
        var packed = file.Directory!.GetFiles(file.Name + ".rows-*").Sum(part => part.Length) / 1048576.0;
        for (var opening = 0; opening < 3; opening++)
        {
            var began = Stopwatch.GetTimestamp();
            using var opened = new SqliteVectorStore(file.FullName);
            var found = await Records(opened, width).SearchAsync(DrawnVectors.Query(opening, width), Nearest).ToListAsync();
            Timings.Line($"opening {opening + 1}: {Stopwatch.GetElapsedTime(began).TotalMilliseconds:0} ms to {found.Count} hits");
        }
        using var store = new SqliteVectorStore(file.FullName);
        var records = Records(store, width);
        Timings.Print("one query", queries, query => records.SearchAsync(DrawnVectors.Query(query, width), Nearest).ToListAsync().AsTask()
            .GetAwaiter().GetResult());
        var after = Timings.Memory();
        Timings.Line($"packed file {packed:0} MiB");
        Timings.Line($"memory: {after.Own:0} MiB of its own ({before.Own:0} before), {after.Mapped:0} MiB mapped");
    }

    /// <summary>The collection of a store.</summary>
    public static ExactCollection<object, Dictionary<string, object?>> Records(SqliteVectorStore store, int width) =>
        store.GetDynamicCollection("records", new VectorStoreCollectionDefinition
        {
            Properties =
            [
                new VectorStoreKeyProperty("Key", typeof(long)), new VectorStoreDataProperty("Group", typeof(int)),
                new VectorStoreVectorProperty("Vector", typeof(float[]), width),
            ],
        });
}
