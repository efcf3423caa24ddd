using System.Linq.Expressions;
using System.Text;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.VectorData;
using Microsoft.Extensions.VectorData.ProviderServices;

namespace MetricLearning.Search.Tests;

/// <summary>Tests that filters over packed rows keep exactly the matching records, although they read stored values of properties instead
/// of records.</summary>
public sealed class PackedFilterTests : IDisposable
{
    private const int Width = 20, BlockRows = Gallery.BlockRows, Nearest = 12;
    private static readonly int[] few = [3, 8190, 8200, 20_000, 1_000_000];

    private readonly TempFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public async Task EveryKindOfFilter_KeepsWhatTheRecordsSay_AlsoAfterChanges()
    {
        using var store = new SqliteVectorStore(folder.File("gallery.db"));
        var (records, all) = (store.GetCollection<int, Tagged>("records"), Drawn(0, 2 * BlockRows + 500));
        await WriteAsync(records, all.Values);
        await CheckAsync(records, all);
        foreach (var key in Enumerable.Range(5000, 6000)) all.Remove(key);
        await records.DeleteAsync(Enumerable.Range(5000, 6000));
        foreach (var (key, changed) in Drawn(2000, 3000, seed: 2)) all[key] = changed;
        await WriteAsync(records, all.Where(row => row.Key is >= 2000 and < 5000).Select(row => row.Value));
        await CheckAsync(records, all);
        // One more block behind those that are known, in this process and in another one.
        foreach (var (key, added) in Drawn(100_000, BlockRows, seed: 3)) all[key] = added;
        await WriteAsync(records, all.Where(row => row.Key >= 100_000).Select(row => row.Value));
        using (var other = new SqliteVectorStore(folder.File("gallery.db")))
            await CheckAsync(other.GetCollection<int, Tagged>("records"), all);
        await CheckAsync(records, all);
    }

    /// <summary>More different values than are held in memory, and values that are too long to be kept beside the file.</summary>
    [Fact]
    public async Task ManyValuesAndLongOnes_AreReadAgain()
    {
        const int rows = 9 * BlockRows + 100;
        using var store = new SqliteVectorStore(folder.File("gallery.db"));
        var (records, vectors) = (store.GetCollection<string, Wide>("records"), DrawnRows.Of(RowKind.Plain, rows, 2, seed: 1));
        await records.EnsureCollectionExistsAsync();
        foreach (var part in Enumerable.Range(0, rows).Chunk(20_000))
            await records.UpsertAsync(part.Select(key => new Wide
            {
                Id = $"{key:x}", Number = key / 2, Text = key < BlockRows ? new string('t', 200) + key : null, Vector = vectors[key],
            }));
        float[] query = [1, 2];
        await FindsAsync(record => record.Number < 300, key => key < 600);
        await FindsAsync(record => record.Number >= 30_000 && record.Id != "f000", key => key >= 60_000 && key != 0xF000);
        await FindsAsync(record => record.Id == "2f", key => key == 0x2F);
        await FindsAsync(record => record.Text != null && record.Number >= 1000, key => key is >= 2000 and < BlockRows);

        async Task FindsAsync(Expression<Func<Wide, bool>> filter, Func<int, bool> kept)
        {
            var found = await records.SearchAsync(query, Nearest, new() { Filter = filter }).ToListAsync();
            // Compares scores alone: these records have texts as keys, and the order of equal scores follows the keys.
            Assert.Equal(PlainSearch.Nearest(SearchMetric.Cosine, query,
                Enumerable.Range(0, rows).Where(kept).Select(key => (key, vectors[key])), Nearest).Select(row => row.Score),
                found.Select(hit => hit.Score!.Value));
            Assert.All(found, hit => Assert.True(kept(Convert.ToInt32(hit.Record.Id, 16))));
        }
    }

    /// <summary>Filters of five properties with 8,192 values each have 2⁶⁵ combinations, more than 64 bits tell apart.</summary>
    [Fact]
    public async Task MoreCombinationsThanANumberCounts_KeepTheirOwnAnswers()
    {
        const int rows = 2 * BlockRows + 500, different = BlockRows - 1, half = BlockRows / 2;      // null is a value too
        using var store = new SqliteVectorStore(folder.File("gallery.db"));
        var (records, vectors) = (store.GetCollection<int, Fivefold>("records"), DrawnRows.Of(RowKind.Plain, rows, Width, seed: 1));
        await records.EnsureCollectionExistsAsync();
        await records.UpsertAsync(Enumerable.Range(0, rows).Select(key => new Fivefold
        {
            Id = key, A = Value(key, 0), B = Value(key, 1), C = Value(key, 2), D = Value(key, 3), E = Value(key, 4), Vector = vectors[key],
        }));
        foreach (var wanted in Enumerable.Range(10, 5))
        {
            var found = await records.SearchAsync(vectors[0], Nearest, new()
            {
                Filter = r => r.A == wanted && r.B == wanted && r.C == wanted && r.D == wanted && r.E == wanted,
            }).ToListAsync();
            Assert.Equal(Enumerable.Range(0, rows).Where(key => Enumerable.Range(0, 5).All(i => Value(key, i) == wanted)),
                found.Select(hit => hit.Record.Id).Order());
        }

        // In the second block, row 10 + i differs from row 10 + i of the first block in property i only, by half of all values.
        static int Value(int key, int property) =>
            key % different + (key == different + 10 + property ? half : 0);
    }

    /// <summary>Another search may find that a property has too many values to be kept, while this one reads.</summary>
    [Fact]
    public void ValuesThatAreNotKeptAnyMore_AreStillThoseOfARunningSearch()
    {
        using var opened = new SqliteConnection("Data Source=:memory:");
        opened.Open();
        ValueEntry.CreateTable(opened);
        for (var block = 0; block < 9; block++)
        {
            var values = new BlockValues();
            for (var row = block * BlockRows; row < (block + 1) * BlockRows; row++)
                values.Add((long)row, Encoding.UTF8.GetBytes($"{{\"Number\":{row}}}"));
            ValueEntry.Add(opened, file: 1, block, values);
        }
#pragma warning disable MEVD9001     // the store itself uses this preview
        var column = new FilterColumn(new DataPropertyModel("Number", typeof(int)), file: 1, BlockRows);
#pragma warning restore MEVD9001
        column.Load(opened, 1);
        using var running = column.Blocks(opened, 1).GetEnumerator();
        column.Load(opened, 9);
        Assert.True(column.IsWide);
        Assert.True(running.MoveNext());
        var (codes, known) = running.Current!.Value;
        Assert.Equal(Enumerable.Range(0, BlockRows), codes.Select(code => (int)known[code]!));
    }

    private static async Task CheckAsync(ExactCollection<int, Tagged> records, Dictionary<int, Tagged> all)
    {
        var name = "b";
        foreach (var filter in new Expression<Func<Tagged, bool>>[]
        {
            record => record.Kind == name, record => record.Kind != "a", record => record.Kind == null,
            record => record.Tags.Contains("even"), record => record.Tags.Any(tag => tag == "third" || tag == "none"),
            record => record.Price < 0.25, record => record.Price >= 0.5 && record.Kind == "c" || !(record.Count > 2),
            record => record.Count == null, record => record.Id < 100, record => few.Contains(record.Id), _ => true,
            record => record.Kind == "never",
        })
        {
            var keeps = filter.Compile();
            float[] query = DrawnRows.Of(RowKind.Plain, 1, Width, seed: 7)[0];
            var expected = PlainSearch.Nearest(SearchMetric.Cosine, query,
                all.Values.Where(keeps).Select(record => (record.Id, record.Vector!)), Nearest);
            var found = await records.SearchAsync(query, Nearest, new() { Filter = filter }).ToListAsync();
            Assert.True(expected.SequenceEqual(found.Select(hit => (hit.Record.Id, hit.Score!.Value))),
                $"{filter}: {string.Join(' ', found.Select(hit => hit.Record.Id))} instead of {string.Join(' ', expected)}");
        }
    }

    private static async Task WriteAsync(ExactCollection<int, Tagged> records, IEnumerable<Tagged> written)
    {
        await records.EnsureCollectionExistsAsync();
        await records.UpsertAsync(written);
    }

    private static Dictionary<int, Tagged> Drawn(int first, int count, int seed = 1)
    {
        var (random, vectors) = (new Random(seed), DrawnRows.Of(RowKind.Rectified, count, Width, seed));
        return Enumerable.Range(0, count).ToDictionary(i => first + i, i => new Tagged
        {
            Id = first + i, Kind = random.Next(5) is var kind && kind < 3 ? $"{(char)('a' + kind)}" : null, Price = random.NextDouble(),
            Count = random.Next(6) is var number && number < 5 ? number : null, Vector = vectors[i],
            Tags = [.. new[] { "even", "third", "\"odd\" ünd länger" }.Where(_ => random.Next(3) == 0)],
        });
    }

    public sealed class Tagged
    {
        [VectorStoreKey] public int Id { get; set; }
        [VectorStoreData] public string? Kind { get; set; }
        [VectorStoreData] public double Price { get; set; }
        [VectorStoreData] public int? Count { get; set; }
        [VectorStoreData] public List<string> Tags { get; set; } = [];
        [VectorStoreVector(Width)] public float[]? Vector { get; set; }
    }

    public sealed class Fivefold
    {
        [VectorStoreKey] public int Id { get; set; }
        [VectorStoreData] public int A { get; set; }
        [VectorStoreData] public int B { get; set; }
        [VectorStoreData] public int C { get; set; }
        [VectorStoreData] public int D { get; set; }
        [VectorStoreData] public int E { get; set; }
        [VectorStoreVector(Width)] public float[]? Vector { get; set; }
    }

    public sealed class Wide
    {
        [VectorStoreKey] public string Id { get; set; } = "";
        [VectorStoreData] public int Number { get; set; }
        [VectorStoreData] public string? Text { get; set; }
        [VectorStoreVector(2)] public float[]? Vector { get; set; }
    }
}
