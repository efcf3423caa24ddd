using Microsoft.Data.Sqlite;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.VectorData;

namespace MetricLearning.Search.Tests;

/// <summary>Runs the tests of all stores on the store in a file, and tests that the file keeps the records.</summary>
public sealed class SqliteStoreTests : StoreConformance
{
    private readonly TempFolder folder = new();
    private readonly SqliteVectorStore store;

    public SqliteStoreTests() => store = new SqliteVectorStore(folder.File("gallery.db"));

    protected override VectorStore Store => store;

    protected override void Register(IServiceCollection services, Func<IServiceProvider, VectorStore>? create) =>
        _ = create is null ? services.AddSqliteVectorStore(store.Path)
            : services.AddSqliteVectorStore(provider => (SqliteVectorStore)create(provider));

    protected override void Dispose(bool disposing)
    {
        base.Dispose(disposing);
        folder.Dispose();
    }

    [Fact]
    public async Task Records_OutliveTheStore()
    {
        await FilledAsync();
        store.Dispose();
        using var again = new SqliteVectorStore(store.Path);
        var items = again.GetCollection<int, Item>("items");
        foreach (var item in Item.All) Same(item, await items.GetAsync(item.Id, new() { IncludeVectors = true }), withVectors: true);
        var rows = Item.All.Select(item => (item.Id, item.Vector.ToArray()));
        float[] query = [1, 2, 3, 4];
        Assert.Equal(PlainSearch.Nearest(SearchMetric.Cosine, query, rows, 20),
            (await items.SearchAsync(query, 20, ByVector()).ToListAsync()).Select(hit => (hit.Record.Id, hit.Score!.Value)));
    }

    /// <summary>A second store on the same file acts as a second process: the two share only the file.</summary>
    [Fact]
    public async Task AnotherReader_SeesEveryChange()
    {
        var items = await FilledAsync();
        using var other = new SqliteVectorStore(store.Path);
        var seen = other.GetCollection<int, Item>("items");
        Assert.Equal(20, (await seen.GetAsync(_ => true, 100).ToListAsync()).Count);
        await items.DeleteAsync([1, 2, 3]);
        await items.UpsertAsync(new Item { Id = 2, Name = "back", Vector = new float[] { 1, 0, 0, 0 } });
        Assert.Null(await seen.GetAsync(1));
        Assert.Equal("back", (await seen.GetAsync(2))!.Name);
        Assert.Equal(2, (await seen.SearchAsync(new float[] { 1, 0, 0, 0 }, 1, ByVector()).ToListAsync())[0].Record.Id);
        await items.EnsureCollectionDeletedAsync();
        await Assert.ThrowsAsync<VectorStoreException>(() => seen.GetAsync(2));
        await items.EnsureCollectionExistsAsync();
        Assert.Empty(await seen.GetAsync(_ => true, 100).ToListAsync());
    }

    /// <summary>Two stores of one file have the same collections, also if a path leads through a link.</summary>
    [Fact]
    public async Task AMigrationWithinOneCollection_IsRefused()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows lets only administrators make links");
        var items = await FilledAsync();
        Directory.CreateSymbolicLink(folder.File("linked"), System.IO.Path.GetDirectoryName(store.Path)!);
        using var same = new SqliteVectorStore(System.IO.Path.Combine(folder.File("linked"), "gallery.db"));
        using var other = new SqliteVectorStore(folder.File("other.db"));
        await Assert.ThrowsAsync<ArgumentException>("to", () => RunAsync(same));
        Assert.Equal(20, await RunAsync(other));

        Task<long> RunAsync(SqliteVectorStore to) => CollectionMigration.RunAsync(items, to.GetCollection<int, Item>("items"),
            item => item.Id, (records, _) =>
            {
                foreach (var record in records) record.Vector = new float[] { 1, 2, 3, 4 };
                return Task.CompletedTask;
            });
    }

    /// <summary>A program that copies a new catalogue over the old one gets no answers that mix both, and no write is lost.</summary>
    [Theory, InlineData(true), InlineData(false)]
    public async Task AFileThatIsReplacedOrDeletedWhileItIsOpen_IsNoLongerRead(bool replaced)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows does not let anybody delete an open file");
        var items = await FilledAsync();
        await items.SearchAsync(new float[] { 1, 2, 3, 4 }, 20, ByVector()).ToListAsync();
        File.Move(store.Path, folder.File("aside.db"));
        if (replaced)
        {
            using var other = new SqliteVectorStore(folder.File("other.db"));
            var collection = other.GetCollection<int, Item>("items");
            await collection.EnsureCollectionExistsAsync();
            await collection.UpsertAsync(new Item { Id = 99, Vector = new float[] { 1, 2, 3, 4 } });
        }
        if (replaced) File.Move(folder.File("other.db"), store.Path);
        // Connections that nobody uses are closed after a while, and others are opened later.
        SqliteConnection.ClearAllPools();
        Func<Task>[] calls =
        [
            () => items.UpsertAsync(Item.All[0]), () => items.DeleteAsync(1), () => items.GetAsync(1),
            () => items.EnsureCollectionExistsAsync(),
            async () => await items.SearchAsync(new float[] { 1, 2, 3, 4 }, 1, ByVector()).ToListAsync(),
            async () => await store.ListCollectionNamesAsync().ToListAsync(),
        ];
        foreach (var call in calls)
        {
            var thrown = await Assert.ThrowsAsync<VectorStoreException>(call);
            Assert.StartsWith($"{store.Path} was deleted or replaced", thrown.Message, StringComparison.Ordinal);
        }
        Assert.Equal(replaced, File.Exists(store.Path));
        File.Move(folder.File("aside.db"), store.Path, overwrite: true);
        Same(Item.All[0], await items.GetAsync(Item.All[0].Id), withVectors: false);
    }

    [Fact]
    public async Task ANameWithWildcards_LeavesThePackedFilesOfOthersAlone()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows has no such names");
        using var gallery = new Gallery(2 * Gallery.BlockRows);
        await gallery.CheckAsync(queries: 1);
        var files = gallery.Files;
        Assert.NotEmpty(files);
        using var wild = new SqliteVectorStore(Path.Combine(Path.GetDirectoryName(gallery.Path)!, "*.db"));
        await wild.GetCollection<int, Item>("records").EnsureCollectionExistsAsync();
        await wild.EnsureCollectionDeletedAsync("records");
        Assert.Equal(files, gallery.Files);
    }

    [Fact]
    public async Task AnotherSpace_IsRefused()
    {
        var space = new EmbeddingSpace { Architecture = "net", Fingerprint = "aa" };
        using var first = new SqliteVectorStore(store.Path) { EmbeddingSpace = space };
        await first.GetCollection<int, Item>("items").EnsureCollectionExistsAsync();
        using var other = new SqliteVectorStore(store.Path) { EmbeddingSpace = space with { Fingerprint = "bb" } };
        var thrown = await Assert.ThrowsAsync<VectorStoreException>(() => other.GetCollection<int, Item>("items").GetAsync(1));
        Assert.Contains("fingerprint is bb in this program and aa in the collection", thrown.Message, StringComparison.Ordinal);
        Assert.Null(await first.GetCollection<int, Item>("items").GetAsync(1));
        Assert.Null(await store.GetCollection<int, Item>("items").GetAsync(1));
    }

    /// <summary>A collection that was filled without a space takes that of the first program that has one.</summary>
    [Fact]
    public async Task ACollectionWithoutASpace_TakesTheFirstOne()
    {
        await FilledAsync();
        var space = new EmbeddingSpace { Fingerprint = "aa" };
        using var first = new SqliteVectorStore(store.Path) { EmbeddingSpace = space };
        await first.GetCollection<int, Item>("items").EnsureCollectionExistsAsync();
        using var other = new SqliteVectorStore(store.Path) { EmbeddingSpace = space with { Fingerprint = "bb" } };
        await Assert.ThrowsAsync<VectorStoreException>(() => other.GetCollection<int, Item>("items").GetAsync(1));
    }

    /// <summary>A decision belongs to the scores of one network. Vectors of another length are not of the store's space.</summary>
    [Fact]
    public async Task ADecisionOfAnotherSpace_IsRefused()
    {
        var space = new EmbeddingSpace { Dimension = 2, Fingerprint = "aa" };
        using var mine = new SqliteVectorStore(folder.File("decided.db")) { EmbeddingSpace = space };
        var keyed = mine.GetCollection<int, Keyed<int>>("keyed");
        await keyed.EnsureCollectionExistsAsync();
        await keyed.UpsertAsync(new Keyed<int> { Key = 1, Vector = new float[] { 1, 0 } });
        var pairs = Enumerable.Range(0, 2000).Select(i => new LabelledPair(i / 2000.0, i >= 1000)).ToArray();
        var search = ExactSearch.Over(keyed, record => record.Key, record => record.Vector);
        foreach (var known in new[] { space, null })
            Assert.Single(await (search with { Decision = MatchDecision.Calibrate(pairs, 0.01, 0.01, space: known) })
                .SearchAsync(new float[] { 1, 0 }, 1));
        var other = search with { Decision = MatchDecision.Calibrate(pairs, 0.01, 0.01, space: space with { Fingerprint = "bb" }) };
        var thrown = await Assert.ThrowsAsync<InvalidOperationException>(() => other.SearchAsync(new float[] { 1, 0 }, 1));
        Assert.Contains("fingerprint is bb in the decision and aa in the store", thrown.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task VectorsThatAreNotOfTheSpace_AreRefused()
    {
        using var wide = new SqliteVectorStore(folder.File("space.db")) { EmbeddingSpace = new() { Dimension = 64 } };
        var refused = Assert.Throws<ArgumentException>(() => wide.GetCollection<int, Keyed<int>>("keyed"));
        Assert.Contains("64", refused.Message, StringComparison.Ordinal);
        Assert.Contains("'Vector' with 2", refused.Message, StringComparison.Ordinal);
        using var normal = new SqliteVectorStore(folder.File("space.db")) { EmbeddingSpace = new() { Dimension = 2, Normalized = true } };
        var keyed = normal.GetCollection<int, Keyed<int>>("keyed");
        await keyed.EnsureCollectionExistsAsync();
        await keyed.UpsertAsync(new Keyed<int> { Key = 1, Vector = [0.6f, 0.8f] });
        var thrown = await Assert.ThrowsAsync<ArgumentException>(() => keyed.UpsertAsync(new Keyed<int> { Key = 2, Vector = [3, 4] }));
        Assert.Contains("got 5 in the record 2", thrown.Message, StringComparison.Ordinal);
        await Assert.ThrowsAsync<ArgumentException>(async () => await keyed.SearchAsync(new float[] { 3, 4 }, 1).ToListAsync());
        thrown = await Assert.ThrowsAsync<ArgumentException>(async () =>
            await keyed.SearchAsync(new float[] { 0.6f, float.NaN }, 1).ToListAsync());
        Assert.Contains("must be finite, got NaN at index 1", thrown.Message, StringComparison.Ordinal);
        Assert.Single(await keyed.SearchAsync(normal.EmbeddingSpace!.Finish([3, 4]), 1).ToListAsync());
        using var unaware = new SqliteVectorStore(folder.File("space.db"));
        thrown = await Assert.ThrowsAsync<ArgumentException>(() =>
            unaware.GetCollection<int, Keyed<int>>("keyed").UpsertAsync(new Keyed<int> { Key = 2, Vector = [3, 4] }));
        Assert.Contains("got 5 in the record 2", thrown.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void MemoryInPlaceOfAFile_IsRefused() => Assert.Contains(nameof(MemoryVectorStore),
        Assert.Throws<ArgumentException>(() => new SqliteVectorStore(":memory:")).Message, StringComparison.Ordinal);

    /// <summary>SQLite would make a file of this name.</summary>
    [Theory, InlineData("Data Source=x.db"), InlineData("data source=x.db;Mode=ReadOnly"), InlineData("Filename=x.db")]
    [InlineData("DataSource=x.db")]
    public void AConnectionStringInPlaceOfAPath_IsRefused(string text)
    {
        var error = Assert.Throws<ArgumentException>("path", () => new SqliteVectorStore(text));
        Assert.Contains($"got the connection string '{text}'", error.Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>("path", () => new ServiceCollection().AddSqliteVectorStore(text));
    }

    [Fact]
    public void AFolderInPlaceOfAFile_IsNamed() => Assert.Contains("This is a folder", Assert.Throws<VectorStoreException>(() =>
        new SqliteVectorStore(Path.GetDirectoryName(folder.File("x"))!)).Message, StringComparison.Ordinal);

    [Fact]
    public async Task AnotherSchema_IsRefused()
    {
        await FilledAsync();
        var other = store.GetCollection<int, Keyed<int>>("items");
        Assert.Contains("vector 4 Cosine", (await Assert.ThrowsAsync<VectorStoreException>(() => other.GetAsync(1))).Message,
            StringComparison.Ordinal);
        await Assert.ThrowsAsync<VectorStoreException>(() => other.EnsureCollectionExistsAsync());
    }

    /// <summary>Earlier builds did not write what a nullable value or a list is of. Their collections stay readable.</summary>
    [Fact]
    public async Task TheSchemaOfAnEarlierBuild_IsAccepted()
    {
        await FilledAsync();
        using var file = new Microsoft.Data.Sqlite.SqliteConnection($"Data Source={store.Path};Pooling=False");
        file.Open();
        using var command = file.CreateCommand();
        command.CommandText = "SELECT schema FROM collections WHERE name = 'items'";
        var schema = (string)command.ExecuteScalar()!;
        var earlier = System.Text.RegularExpressions.Regex.Replace(schema, @"\w+\?", "Nullable`1");
        earlier = System.Text.RegularExpressions.Regex.Replace(earlier, @"(\w+)<\w+>", "$1`1");
        Assert.NotEqual(schema, earlier);
        command.CommandText = "UPDATE collections SET schema = $schema WHERE name = 'items'";
        command.Parameters.AddWithValue("$schema", earlier);
        Assert.Equal(1, command.ExecuteNonQuery());
        using var again = new SqliteVectorStore(store.Path);
        Assert.NotNull(await again.GetCollection<int, Item>("items").GetAsync(1));
    }

    [Fact]
    public void ADatabaseOfAnotherProgram_IsLeftAlone()
    {
        var path = folder.File("other.db");
        using (var other = new Microsoft.Data.Sqlite.SqliteConnection($"Data Source={path};Pooling=False"))
        {
            other.Open();
            using var command = other.CreateCommand();
            command.CommandText = "CREATE TABLE collections (x)";
            command.ExecuteNonQuery();
        }
        var before = File.ReadAllBytes(path);
        Assert.Contains("another program", Assert.Throws<VectorStoreException>(() => new SqliteVectorStore(path)).Message,
            StringComparison.Ordinal);
        Assert.Equal(before, File.ReadAllBytes(path));
        Assert.Equal([path], Directory.GetFiles(Path.GetDirectoryName(path)!, "other.db*"));
    }

    [Fact]
    public void AFileThatIsSomethingElse_IsNamed()
    {
        File.WriteAllText(folder.File("notes.txt"), new string('x', 10_000));
        foreach (var path in new[] { folder.File("notes.txt"), Path.Combine(folder.File("missing"), "a.db") })
            Assert.Contains(path, Assert.Throws<VectorStoreException>(() => new SqliteVectorStore(path)).Message, StringComparison.Ordinal);
    }
}
