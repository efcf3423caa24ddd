using System.Text.RegularExpressions;
using Microsoft.Extensions.VectorData;
using SQLitePCL;

namespace MetricLearning.Search.Tests;

/// <summary>Runs the tests of canaries of all stores on the store in a file.</summary>
public sealed class SqliteCanaryTests : CanaryConformance, IDisposable
{
    private readonly TempFolder folder = new();

    protected override VectorStore Open(GalleryCanaries? canaries) =>
        new SqliteVectorStore(folder.File("gallery.db")) { Canaries = canaries };

    protected override Task<GalleryCanaries?> StoredAsync(VectorStoreCollection<int, Keyed<int>> records) =>
        ((ExactCollection<int, Keyed<int>>)records).GetCanariesAsync();

    /// <summary>As long as a collection has no canaries, a program with canaries runs the same statements as a program without. As soon as
    /// the collection has some, it runs one more statement, once.</summary>
    [Fact]
    public async Task ACollectionWithoutCanaries_CostsNoStatement()
    {
        var path = folder.File("gallery.db");
        using (var filling = Open(canaries: null))
        {
            var filled = filling.GetCollection<int, Keyed<int>>("seen");
            await filled.EnsureCollectionExistsAsync();
            await filled.UpsertAsync(new Keyed<int> { Key = 1, Vector = new float[] { 1, 2 } });
        }
        List<string> plain, own;
        using (var store = Open(canaries: null)) plain = await StatementsAsync(store, path);
        var canaries = await FakeModel.CanariesAsync(slant: 0);
        using (var store = Open(canaries))
        {
            own = await StatementsAsync(store, path);
            await store.GetCollection<int, Keyed<int>>("seen").EnsureCollectionExistsAsync();
        }
        Assert.NotEmpty(plain);
        Assert.Equal(plain, own);
        using var again = Open(canaries);
        Assert.Single(await StatementsAsync(again, path),
            text => text.Contains("SELECT json FROM canaries", StringComparison.Ordinal));
    }

    /// <summary>The statements that SQLite runs for a few calls.</summary>
    private static async Task<List<string>> StatementsAsync(VectorStore store, string path)
    {
        var statements = new List<string>();
        // The pool has one connection, because the calls follow each other. The connection returns to the pool with its trace.
        using (var pooled = new Database(path).Open())
            raw.sqlite3_trace(pooled.Handle!, (_, text) => statements.Add(text), null);
        var records = store.GetCollection<int, Keyed<int>>("seen");
        Assert.NotNull(await records.GetAsync(1));
        Assert.NotNull(await records.GetAsync(1));
        await records.DeleteAsync(7);
        // SQLite reports statements with their values, and the number of the last change differs each time.
        return [.. statements.Where(text => !text.StartsWith("PRAGMA", StringComparison.Ordinal))
            .Select(text => Regex.Replace(text, @"changes = \d+", "changes"))];
    }

    public void Dispose() => folder.Dispose();
}
