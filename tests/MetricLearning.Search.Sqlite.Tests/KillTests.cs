using System.Diagnostics;
using System.Globalization;
using Microsoft.Extensions.VectorData;

namespace MetricLearning.Search.Tests;

/// <summary>Tests that a process that is killed while it writes loses no record of a call that has returned, and leaves no part of a call
/// that has not.</summary>
public class KillTests
{
    private const int Width = 16;

    /// <summary>Kills an indexer with small calls, and one with large calls that packs its records. METRICLEARNING_KILLS=100 runs the whole
    /// trial: a hundred kills of each.</summary>
    [Theory]
    [InlineData(40, false)]
    [InlineData(3000, true)]
    public async Task AKilledIndexer_LosesNothingThatWasCommitted(int batch, bool packs)
    {
        var kills = int.Parse(Environment.GetEnvironmentVariable("METRICLEARNING_KILLS") ?? "6", CultureInfo.InvariantCulture);
        for (var kill = 0; kill < kills; kill++)
        {
            using var folder = new TempFolder();
            var committed = Killed(folder.File("gallery.db"), batch, packs, after: kill % 12, pause: kill * 7919 % 150);
            await CheckAsync(folder.File("gallery.db"), batch, committed);
        }
    }

    /// <summary>This process reads while another one writes and packs. It sees only whole calls.</summary>
    [Theory]
    [InlineData(40, false)]
    [InlineData(3000, true)]
    public async Task AReader_SeesWholeCallsOfAnotherProcess(int batch, bool packs)
    {
        using var folder = new TempFolder();
        using var indexer = Started(folder.File("gallery.db"), batch, packs);
        Assert.Equal("0", await indexer.StandardOutput.ReadLineAsync(TestContext.Current.CancellationToken));
        using var store = new SqliteVectorStore(folder.File("gallery.db"));
        var (records, seen) = (Records(store), 0);
        try
        {
            while (seen < (packs ? 6 : 20) * batch)
            {
                var found = (await records.GetAsync(_ => true, int.MaxValue).ToListAsync()).Count;
                Assert.Equal(0, found % batch);
                Assert.True(found >= seen);
                seen = found;
                var key = (long)(seen / batch - 1) * batch;
                var vector = (float[])(await records.GetAsync(key, new() { IncludeVectors = true }))!["Vector"]!;
                Assert.Equal(1, (await records.SearchAsync(vector, 1).ToListAsync())[0].Score!.Value, 1e-12);
            }
        }
        finally
        {
            indexer.Kill();
            await indexer.WaitForExitAsync(TestContext.Current.CancellationToken);
        }
    }

    private static Process Started(string path, int batch, bool packs) => Process.Start(new ProcessStartInfo("dotnet",
        [Path.Combine(AppContext.BaseDirectory, "MetricLearning.Search.Indexer.dll"), path, $"{batch}", $"{Width}",
            packs ? "search" : ""])
    {
        RedirectStandardOutput = true,
    })!;

    private static ExactCollection<object, Dictionary<string, object?>> Records(SqliteVectorStore store) =>
        store.GetDynamicCollection("records", new VectorStoreCollectionDefinition
        {
            Properties =
            [
                new VectorStoreKeyProperty("Key", typeof(long)), new VectorStoreDataProperty("Batch", typeof(int)),
                new VectorStoreVectorProperty("Vector", typeof(float[]), Width),
            ],
        });

    /// <summary>Runs the indexer until it has printed this number of batches and a moment has passed. Then it kills the indexer, and
    /// returns the number of batches that were printed.</summary>
    private static int Killed(string path, int batch, bool packs, int after, int pause)
    {
        using var indexer = Started(path, batch, packs);
        var said = -1;
        while (said < after) said = int.Parse(indexer.StandardOutput.ReadLine()!, CultureInfo.InvariantCulture);
        Thread.Sleep(pause);
        indexer.Kill();
        while (indexer.StandardOutput.ReadLine() is { } line)
            if (int.TryParse(line, out var number)) said = Math.Max(said, number);
        indexer.WaitForExit();
        return said + 1;
    }

    private static async Task CheckAsync(string path, int batch, int committed)
    {
        using var store = new SqliteVectorStore(path);
        var records = Records(store);
        var found = await records.GetAsync(_ => true, int.MaxValue).ToListAsync();
        Assert.Equal(0, found.Count % batch);
        Assert.InRange(found.Count / batch, committed, committed + 1);
        Assert.Equal(Enumerable.Range(0, found.Count).Select(key => (long)key), found.Select(record => (long)record["Key"]!));
        var vector = (float[])(await records.GetAsync(5L, new() { IncludeVectors = true }))!["Vector"]!;
        // The vectors of the indexer repeat after a while.
        Assert.Equal(1, (await records.SearchAsync(vector, 1).ToListAsync())[0].Score!.Value, 1e-12);
        await records.UpsertAsync(new Dictionary<string, object?> { ["Key"] = -1L, ["Batch"] = -1, ["Vector"] = vector });
    }
}
