using System.Globalization;
using Microsoft.Extensions.VectorData;

namespace MetricLearning.Search.Indexer;

/// <summary>Fills a small disk, and goes on when there is room again. It throws an exception if something is lost, or if a message does not
/// say what to do.</summary>
internal static class FullDiskTrial
{
    private const int Batch = 64, Width = 1024;

    /// <summary>Writes until the disk is full, checks that reading still works, and prints how many records were committed.</summary>
    public static async Task<int> FillAsync(string folder)
    {
        var (path, other) = (Path.Combine(folder, "gallery.db"), Path.Combine(folder, "kept.txt"));
        AtomicFile.Write(other, stream => stream.Write("as it was"u8));
        var committed = 0;
        using (var store = new SqliteVectorStore(path))
        {
            var records = Records(store);
            await records.EnsureCollectionExistsAsync();
            try
            {
                for (; ; committed += Batch) await records.UpsertAsync(Enumerable.Range(committed, Batch).Select(Drawn));
            }
            catch (VectorStoreException e)
            {
                RequireAdvice(path, e);
                await Console.Error.WriteLineAsync(e.Message);
            }
            await CheckAsync(records, committed);
        }
        // The file is opened and read while nothing can be written. Its rows cannot be packed, so they stay in memory.
        using (var store = new SqliteVectorStore(path)) await CheckAsync(Records(store), committed);
        CheckAtomicFile(other);
        Console.WriteLine(committed);
        return 0;
    }

    /// <summary>Writes and searches when there is room again.</summary>
    public static async Task<int> GoOnAsync(string folder, int committed)
    {
        using var store = new SqliteVectorStore(Path.Combine(folder, "gallery.db"));
        var records = Records(store);
        await CheckAsync(records, committed);
        await records.UpsertAsync(Enumerable.Range(committed, Batch).Select(Drawn));
        await CheckAsync(records, committed + Batch);
        var packed = Directory.GetFiles(folder, "gallery.db.rows-*").Sum(file => new FileInfo(file).Length);
        Require(packed > 0, "no rows were packed");
        AtomicFile.Write(Path.Combine(folder, "kept.txt"), stream => stream.Write("new"u8));
        return 0;
    }

    private static void CheckAtomicFile(string path)
    {
        try
        {
            AtomicFile.Write(path, stream =>
            {
                var part = new byte[1 << 20];
                for (var i = 0; i < 64; i++) stream.Write(part);
            });
            Require(false, "there was room for 64 MB");
        }
        catch (IOException e)
        {
            RequireAdvice(path, e);
        }
        Require(File.ReadAllText(path) == "as it was", "a file is not as it was");
        Require(Directory.GetFiles(Path.GetDirectoryName(path)!, "kept.txt.*.tmp").Length == 0, "a part of a file is left");
    }

    /// <summary>Compares what a collection has with what was committed, and searches for a few of its records.</summary>
    private static async Task CheckAsync(ExactCollection<object, Dictionary<string, object?>> records, int committed)
    {
        var keys = await records.GetAsync(_ => true, int.MaxValue).Select(record => (long)record["Key"]!).ToListAsync();
        Require(keys.SequenceEqual(Enumerable.Range(0, committed).Select(key => (long)key)),
            $"there are {keys.Count} records, and {committed} were committed");
        for (var key = 0; key < committed; key += Math.Max(1, committed / 5))
        {
            var nearest = (await records.SearchAsync((float[])Drawn(key)["Vector"]!, 1).ToListAsync())[0];
            Require((long)nearest.Record["Key"]! == key && nearest.Score > 1 - 1e-9, string.Create(CultureInfo.InvariantCulture,
                $"a search for record {key} gives {nearest.Record["Key"]} with {nearest.Score}"));
        }
    }

    private static Dictionary<string, object?> Drawn(int key)
    {
        var random = SeededRandom.ForStream(1, (ulong)key);
        return new()
        {
            ["Key"] = (long)key, ["Vector"] = Enumerable.Range(0, Width).Select(_ => (float)random.NextDouble(-1, 1)).ToArray(),
        };
    }

    private static ExactCollection<object, Dictionary<string, object?>> Records(SqliteVectorStore store) =>
        store.GetDynamicCollection("records", new VectorStoreCollectionDefinition
        {
            Properties =
            [
                new VectorStoreKeyProperty("Key", typeof(long)), new VectorStoreVectorProperty("Vector", typeof(float[]), Width),
            ],
        });

    private static void RequireAdvice(string path, Exception e) =>
        Require(e.Message.StartsWith(path + ": ", StringComparison.Ordinal) && e.Message.Contains("Make room", StringComparison.Ordinal),
            $"the message does not say which file and what to do: {e.Message}");

    private static void Require(bool holds, string otherwise)
    {
        if (!holds) throw new InvalidOperationException(otherwise);
    }
}
