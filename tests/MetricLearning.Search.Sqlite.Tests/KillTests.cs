using System.Diagnostics;
using System.Globalization;
using Microsoft.Extensions.VectorData;

namespace MetricLearning.Search.Tests;

/// <summary>A process that is killed while it writes loses no record of a call that had returned, and leaves no part of one that had
/// not.</summary>
public class KillTests
{
    private const int Batch = 40, Width = 64;

    [Fact]
    public async Task AKilledIndexer_LosesNothingThatWasCommitted()
    {
        // METRICLEARNING_KILLS = 200 runs the whole trial.
        var kills = int.Parse(Environment.GetEnvironmentVariable("METRICLEARNING_KILLS") ?? "4", CultureInfo.InvariantCulture);
        for (var kill = 0; kill < kills; kill++)
        {
            using var folder = new TempFolder();
            var committed = Killed(folder.File("gallery.db"), after: kill % 20, pause: kill * 7919 % 50);
            await CheckAsync(folder.File("gallery.db"), committed);
        }
    }

    /// <summary>This process reads while another one writes, and sees whole calls only.</summary>
    [Fact]
    public async Task AReader_SeesWholeCallsOfAnotherProcess()
    {
        using var folder = new TempFolder();
        using var indexer = Started(folder.File("gallery.db"));
        Assert.Equal("0", await indexer.StandardOutput.ReadLineAsync(TestContext.Current.CancellationToken));
        using var store = new SqliteVectorStore(folder.File("gallery.db"));
        var (records, seen) = (Records(store), 0);
        try
        {
            while (seen < 20 * Batch)
            {
                var found = (await records.GetAsync(_ => true, int.MaxValue).ToListAsync()).Count;
                Assert.Equal(0, found % Batch);
                Assert.True(found >= seen);
                seen = found;
            }
        }
        finally
        {
            indexer.Kill();
            await indexer.WaitForExitAsync(TestContext.Current.CancellationToken);
        }
    }

    private static Process Started(string path) => Process.Start(new ProcessStartInfo("dotnet",
        [Path.Combine(AppContext.BaseDirectory, "MetricLearning.Search.Indexer.dll"), path, $"{Batch}", $"{Width}"])
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

    /// <summary>Runs the indexer until it has said so many batches and a moment has passed, kills it, and gives the number of batches that
    /// it had said.</summary>
    private static int Killed(string path, int after, int pause)
    {
        using var indexer = Started(path);
        var said = -1;
        while (said < after) said = int.Parse(indexer.StandardOutput.ReadLine()!, CultureInfo.InvariantCulture);
        Thread.Sleep(pause);
        indexer.Kill();
        while (indexer.StandardOutput.ReadLine() is { } line)
            if (int.TryParse(line, out var batch)) said = Math.Max(said, batch);
        indexer.WaitForExit();
        return said + 1;
    }

    private static async Task CheckAsync(string path, int committed)
    {
        using var store = new SqliteVectorStore(path);
        var records = Records(store);
        var found = await records.GetAsync(_ => true, int.MaxValue).ToListAsync();
        Assert.Equal(0, found.Count % Batch);
        Assert.InRange(found.Count / Batch, committed, committed + 1);
        Assert.Equal(Enumerable.Range(0, found.Count).Select(key => (long)key), found.Select(record => (long)record["Key"]!));
        var vector = (float[])(await records.GetAsync(5L, new() { IncludeVectors = true }))!["Vector"]!;
        Assert.Equal(5L, (await records.SearchAsync(vector, 1).ToListAsync())[0].Record["Key"]);
        await records.UpsertAsync(new Dictionary<string, object?> { ["Key"] = -1L, ["Batch"] = -1, ["Vector"] = vector });
    }
}
