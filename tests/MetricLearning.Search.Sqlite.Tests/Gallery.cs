using Microsoft.Extensions.VectorData;

namespace MetricLearning.Search.Tests;

/// <summary>A record with a group by which searches can filter.</summary>
public sealed class Shelved
{
    [VectorStoreKey]
    public int Id { get; set; }

    [VectorStoreData]
    public int Group { get; set; }

    [VectorStoreVector(Gallery.Width)]
    public float[]? Vector { get; set; }
}

/// <summary>A collection that is large enough for a packed file, with a plain list of the records that it must hold.</summary>
internal sealed class Gallery : IDisposable
{
    /// <summary>Numbers in a vector, and the rows of a block of such vectors.</summary>
    public const int Width = 20, BlockRows = 8192;

    private readonly TempFolder folder = new();

    /// <param name="rows">The number of records.</param>
    /// <param name="kind">The kind of their vectors.</param>
    public Gallery(int rows, RowKind kind = RowKind.Rectified)
    {
        Store = new SqliteVectorStore(Path);
        Upsert(Enumerable.Range(0, rows), kind, seed: 1);
    }

    public string Path => folder.File("gallery.db");

    public SqliteVectorStore Store { get; private set; }

    /// <summary>The vectors by key.</summary>
    public Dictionary<int, float[]> Expected { get; } = [];

    /// <summary>The packed files that exist.</summary>
    public string[] Files => Directory.GetFiles(System.IO.Path.GetDirectoryName(Path)!, "gallery.db.rows-*");

    public ExactCollection<int, Shelved> Records => Store.GetCollection<int, Shelved>("records");

    public void Upsert(IEnumerable<int> keys, RowKind kind, int seed)
    {
        int[] all = [.. keys];
        var vectors = DrawnRows.Of(kind, all.Length, Width, seed);
        Records.EnsureCollectionExistsAsync().GetAwaiter().GetResult();
        Records.UpsertAsync(all.Select((key, i) => new Shelved { Id = key, Group = key % 100, Vector = vectors[i] }))
            .GetAwaiter().GetResult();
        for (var i = 0; i < all.Length; i++) Expected[all[i]] = vectors[i];
    }

    public void Delete(IEnumerable<int> keys)
    {
        int[] all = [.. keys];
        Records.DeleteAsync(all).GetAwaiter().GetResult();
        foreach (var key in all) Expected.Remove(key);
    }

    /// <summary>Closes the store and opens the file again.</summary>
    public void Reopen()
    {
        Store.Dispose();
        Store = new SqliteVectorStore(Path);
    }

    /// <summary>Compares searches with a plain loop.</summary>
    /// <param name="records">The collection; null for that of the store.</param>
    /// <param name="queries">The number of queries that are compared.</param>
    /// <param name="group">The only group that may be found; null for all.</param>
    public async Task CheckAsync(ExactCollection<int, Shelved>? records = null, int queries = 3, int? group = null)
    {
        const int k = 12;
        var options = new VectorSearchOptions<Shelved>();
        if (group is { } only) options.Filter = record => record.Group == only;
        var rows = Expected.Where(row => group is null || row.Key % 100 == group).Select(row => (row.Key, row.Value)).ToArray();
        for (var query = 0; query < queries; query++)
        {
            var vector = DrawnRows.Of(RowKind.Plain, 1, Width, 100 + query)[0];
            var found = await (records ?? Records).SearchAsync(vector, k, options).ToListAsync();
            Assert.Equal(PlainSearch.Nearest(SearchMetric.Cosine, vector, rows, k), found.Select(hit => (hit.Record.Id, hit.Score!.Value)));
        }
    }

    public void Dispose()
    {
        Store.Dispose();
        folder.Dispose();
    }
}
