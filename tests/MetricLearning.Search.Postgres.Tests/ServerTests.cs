using Microsoft.Extensions.VectorData;

namespace MetricLearning.Search.Tests;

/// <summary>Tests what happens if a server fails or holds other data than a program expects.</summary>
public sealed class ServerTests : IDisposable
{
    private static readonly float[] query = [3, 1, -1, 0.5f];
    private readonly string schema = Servers.NewSchema();

    public void Dispose() => Servers.Drop(schema);

    private PostgresVectorStore Store(string? connection = null) =>
        new(connection ?? Servers.Connection()) { Schema = schema, RetryPause = TimeSpan.FromMilliseconds(1) };

    private async Task FillAsync()
    {
        using var store = Store();
        var items = store.GetCollection<int, Item>("items");
        await items.EnsureCollectionExistsAsync();
        await items.UpsertAsync(Item.All);
    }

    [Fact]
    public async Task AServerThatIsGone_IsNamedAfterAFewTries()
    {
        await using var proxy = new Proxy(Servers.Connection()) { Refused = int.MaxValue };
        using var store = Store(proxy.Connection);
        var thrown = await Assert.ThrowsAsync<VectorStoreException>(() => store.GetCollection<int, Item>("items").GetAsync(1));
        Assert.Contains("PostgreSQL at 127.0.0.1:", thrown.Message, StringComparison.Ordinal);
        Assert.Contains("tried 4 times", thrown.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("Password", thrown.ToString(), StringComparison.OrdinalIgnoreCase);
        Assert.Equal(4, proxy.Came);
    }

    [Fact]
    public async Task AServerThatComesBack_IsUsedAgain()
    {
        await FillAsync();
        await using var proxy = new Proxy(Servers.Connection()) { Refused = 2 };
        using var store = Store(proxy.Connection);
        Assert.Equal("item b", (await store.GetCollection<int, Item>("items").GetAsync(1))!.Name);
        Assert.Equal(3, proxy.Came);
    }

    /// <summary>The connection breaks in the middle of a batch, each time at another place.</summary>
    [Fact]
    public async Task ABrokenBatch_LeavesNothing()
    {
        await FillAsync();
        Item[] many = [.. Enumerable.Range(0, 200).Select(i => new Item { Id = i, Name = "new", Vector = query })];
        using var direct = Store();
        var items = direct.GetCollection<int, Item>("items");
        for (var bytes = 1000; bytes <= 41_000; bytes += 8000)
        {
            await using var proxy = new Proxy(Servers.Connection()) { CutAfter = bytes };
            using var store = new PostgresVectorStore(proxy.Connection) { Schema = schema, Retries = 0 };
            await Assert.ThrowsAsync<VectorStoreException>(() => store.GetCollection<int, Item>("items").UpsertAsync(many));
            Assert.Equal(20, (await items.GetAsync(_ => true, 1000).ToListAsync()).Count);
            Assert.Empty(await items.GetAsync(item => item.Name == "new", 1000).ToListAsync());
        }
        await items.UpsertAsync(many);
        Assert.Equal(200, (await items.GetAsync(item => item.Name == "new", 1000).ToListAsync()).Count);
    }

    [Fact]
    public async Task AnotherSchema_IsRefused()
    {
        await FillAsync();
        using var store = Store();
        var other = store.GetCollection<int, Keyed<int>>("items");
        Assert.Contains("Vector vector(4)", (await Assert.ThrowsAsync<VectorStoreException>(() => other.GetAsync(1))).Message,
            StringComparison.Ordinal);
        await Assert.ThrowsAsync<VectorStoreException>(() => other.EnsureCollectionExistsAsync());
        await Assert.ThrowsAsync<VectorStoreException>(() => other.UpsertAsync(new Keyed<int> { Key = 1 }));
        var wider = store.GetDynamicCollection("wide", Wide(4));
        await wider.EnsureCollectionExistsAsync();
        var thrown = await Assert.ThrowsAsync<VectorStoreException>(async () =>
            await store.GetDynamicCollection("wide", Wide(5)).SearchAsync(new float[] { 1, 2, 3, 4, 5 }, 1).ToListAsync());
        Assert.Contains("vector(5)", thrown.Message, StringComparison.Ordinal);
        await Assert.ThrowsAsync<ArgumentException>(async () => await wider.SearchAsync(new float[5] { 1, 0, 0, 0, 0 }, 1).ToListAsync());
        Assert.Throws<NotSupportedException>(() => store.GetDynamicCollection("wide", Wide(16_001)));
        Assert.Throws<NotSupportedException>(() => store.GetDynamicCollection("wide", Wide(2001, IndexKind.Hnsw)));
        Assert.Throws<NotSupportedException>(() => store.GetDynamicCollection("wide", Wide(8, IndexKind.DiskAnn)));

        static VectorStoreCollectionDefinition Wide(int dimension, string? index = null) => new()
        {
            Properties =
            [
                new VectorStoreKeyProperty("Key", typeof(int)),
                new VectorStoreVectorProperty("Vector", typeof(float[]), dimension) { IndexKind = index },
            ],
        };
    }

    [Fact]
    public async Task VectorsThatAreNotOfTheSpace_AreRefused()
    {
        using var normal = new PostgresVectorStore(Servers.Connection())
        {
            Schema = schema, EmbeddingSpace = new EmbeddingSpace { Dimension = 2, Normalized = true },
        };
        await normal.GetCollection<int, Keyed<int>>("keyed").EnsureCollectionExistsAsync();
        using var unaware = Store();
        foreach (var store in new[] { normal, unaware })
        {
            var keyed = store.GetCollection<int, Keyed<int>>("keyed");
            await keyed.UpsertAsync(new Keyed<int> { Key = 1, Vector = [0.6f, 0.8f] });
            var thrown = await Assert.ThrowsAsync<ArgumentException>(() => keyed.UpsertAsync(new Keyed<int> { Key = 2, Vector = [3, 4] }));
            Assert.Contains("got 5 in the record 2", thrown.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task ATableOfAnotherProgram_IsLeftAlone()
    {
        Servers.Run(Servers.Connection(), $"CREATE TABLE {schema}.items (x integer)");
        using var store = Store();
        var items = store.GetCollection<int, Item>("items");
        Assert.Contains("which is not of this library", (await Assert.ThrowsAsync<VectorStoreException>(() =>
            items.EnsureCollectionExistsAsync())).Message, StringComparison.Ordinal);
        Assert.False(await items.CollectionExistsAsync());
        await items.EnsureCollectionDeletedAsync();
        Servers.Run(Servers.Connection(), $"SELECT x FROM {schema}.items");
    }

    [Fact]
    public async Task AnotherSpace_IsRefused()
    {
        var space = new EmbeddingSpace { Architecture = "net", Fingerprint = "aa" };
        await FillAsync();
        using var first = new PostgresVectorStore(Servers.Connection()) { Schema = schema, EmbeddingSpace = space };
        await first.GetCollection<int, Item>("items").EnsureCollectionExistsAsync();
        using var other = new PostgresVectorStore(Servers.Connection())
        {
            Schema = schema, EmbeddingSpace = space with { Fingerprint = "bb" },
        };
        var items = other.GetCollection<int, Item>("items");
        Assert.Contains("fingerprint is bb in this program and aa in the collection",
            (await Assert.ThrowsAsync<VectorStoreException>(() => items.GetAsync(1))).Message, StringComparison.Ordinal);
        await Assert.ThrowsAsync<VectorStoreException>(() => items.UpsertAsync(Item.All[0]));
        Assert.NotNull(await first.GetCollection<int, Item>("items").GetAsync(1));
    }

    /// <summary>The writers of several stores overwrite the same keys in many orders.</summary>
    [Fact]
    public async Task ConcurrentWriters_AllSucceedAndMixNoBatches()
    {
        await FillAsync();
        await Task.WhenAll(Enumerable.Range(0, 4).Select(writer => Task.Run(async () =>
        {
            using var store = Store();
            var items = store.GetCollection<int, Item>("items");
            for (var round = 0; round < 5; round++)
                await items.UpsertAsync(Item.All.OrderBy(item => (item.Id * 7 + writer * 3 + round) % 20)
                    .Select(item => new Item { Id = item.Id, Name = $"{writer} {round}", Vector = query }));
        })));
        using var reader = Store();
        var found = await reader.GetCollection<int, Item>("items").GetAsync(_ => true, 100).ToListAsync();
        Assert.Equal(20, found.Count);
        Assert.Single(found.Select(item => item.Name).Distinct());
    }

    [Fact]
    public async Task ACanceledCall_ChangesNothing()
    {
        await FillAsync();
        using var store = Store();
        var items = store.GetCollection<int, Item>("items");
        using var stop = new CancellationTokenSource();
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => items.UpsertAsync(new Item { Id = 99, Vector = query }, stop.Token));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => items.DeleteAsync(1, stop.Token));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => items.GetAsync(1, null, stop.Token));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () =>
            await items.SearchAsync(query, 1, new() { VectorProperty = item => item.Vector }, stop.Token).ToListAsync(stop.Token));
        Assert.Null(await items.GetAsync(99));
        Assert.NotNull(await items.GetAsync(1));
    }

    [Fact]
    public async Task DataThatTheServerCannotStore_IsRefused()
    {
        await FillAsync();
        using var store = Store();
        var items = store.GetCollection<int, Item>("items");
        foreach (var (text, reason) in new[] { ("a\0b", "U+0000"), ("\ud800", "cut in the middle of a character") })
            Assert.Contains(reason, (await Assert.ThrowsAsync<ArgumentException>(() => items.UpsertAsync([
                new Item { Id = 98, Vector = query }, new Item { Id = 99, Name = text, Vector = query }]))).Message,
                StringComparison.Ordinal);
        await Assert.ThrowsAsync<ArgumentException>(() => items.UpsertAsync(new Item { Id = 98, Vector = new[] { 1e-20f, 0, 0, 0 } }));
        await Assert.ThrowsAsync<ArgumentException>(() => items.UpsertAsync(new Item { Id = 98, Vector = new[] { 1e30f, 0, 0, 0 } }));
        Assert.Null(await items.GetAsync(98));
        var odd = store.GetCollection<int, Item>("a \"b\"; DROP TABLE items --");
        await odd.EnsureCollectionExistsAsync();
        await odd.UpsertAsync(new Item { Id = 1, Name = "'; DROP TABLE items --", Vector = query });
        Assert.Single(await odd.GetAsync(item => item.Name == "'; DROP TABLE items --", 5).ToListAsync());
        Assert.NotNull(await items.GetAsync(1));
    }
}
