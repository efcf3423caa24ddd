using Microsoft.Extensions.VectorData;
using Npgsql;

namespace MetricLearning.Search.Tests;

/// <summary>Tests what happens if a server fails or holds other data than a program expects.</summary>
public sealed class ServerTests : IDisposable
{
    private static readonly float[] query = [3, 1, -1, 0.5f];
    private readonly string schema = Servers.NewSchema();

    public void Dispose() => Servers.Drop(schema);

    private PostgresVectorStore Store(string? connection = null) =>
        new(connection ?? Servers.Connection()) { Schema = schema, RetryPause = TimeSpan.FromMilliseconds(1) };

    private static VectorStoreCollectionDefinition Wide(int dimension, string? index = null) => new()
    {
        Properties =
        [
            new VectorStoreKeyProperty("Key", typeof(int)),
            new VectorStoreVectorProperty("Vector", typeof(float[]), dimension) { IndexKind = index },
        ],
    };

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

    /// <summary>A program that only reads may be a database user without other rights, or be connected to a standby server.</summary>
    [Theory, InlineData(IndexKind.Flat), InlineData(IndexKind.Hnsw)]
    public async Task WhatExists_IsOpenedWithoutWriting(string index)
    {
        var canaries = await FakeModel.CanariesAsync(slant: 0);
        using var log = new CommandLog();
        var builder = new NpgsqlDataSourceBuilder(Servers.Connection());
        builder.UseLoggerFactory(log);
        await using var source = builder.Build();
        await OpenAsync(source);
        string[] writes = ["CREATE", "INSERT", "ALTER", "UPDATE", "LOCK", "FOR KEY SHARE"];
        Assert.All(writes[..2], write => Assert.Contains(log.Commands, command => Has(command, write)));
        var before = log.Commands.Count;
        await OpenAsync(source);
        Assert.True(log.Commands.Count > before);
        Assert.DoesNotContain(log.Commands.Skip(before), command => writes.Any(write => Has(command, write)));

        async Task OpenAsync(NpgsqlDataSource source)
        {
            using var store = new PostgresVectorStore(source) { Schema = schema, Canaries = canaries };
            var records = store.GetDynamicCollection("records", Wide(4, index));
            await records.EnsureCollectionExistsAsync();
            Assert.NotNull(await records.GetCanariesAsync());
            Assert.Empty(await records.SearchAsync(query, 1).ToListAsync());
        }

        static bool Has(string command, string write) => command.Contains(write, StringComparison.OrdinalIgnoreCase);
    }

    /// <summary>An index of many rows takes longer than the timeout of other commands.</summary>
    [Fact]
    public async Task AnIndex_IsBuiltHoweverLongItTakes()
    {
        var rows = Enumerable.Range(0, 5000).Select(i => new Dictionary<string, object?>
        {
            ["Key"] = i, ["Vector"] = Enumerable.Range(0, 256).Select(j => MathF.Sin(i * 256 + j * j)).ToArray(),
        });
        using var store = Store(Servers.Connection() + ";Command Timeout=1");
        var flat = store.GetDynamicCollection("long", Wide(256));
        await flat.EnsureCollectionExistsAsync();
        foreach (var part in rows.Chunk(200)) await flat.UpsertAsync(part);
        await store.GetDynamicCollection("long", Wide(256, IndexKind.Hnsw)).EnsureCollectionExistsAsync();
        Assert.Equal(1L, Servers.Read($"SELECT count(*) FROM pg_indexes WHERE schemaname = '{schema}' AND indexdef LIKE '%hnsw%'"));
    }

    [Fact]
    public async Task ATimeout_SaysWhatToRaise()
    {
        await FillAsync();
        await using (var one = NpgsqlDataSource.Create(Servers.Connection() + ";Maximum Pool Size=1;Timeout=1"))
        {
            await using var held = await one.OpenConnectionAsync();
            using var store = new PostgresVectorStore(one) { Schema = schema, Retries = 0 };
            var thrown = await Assert.ThrowsAsync<VectorStoreException>(() => store.GetCollection<int, Item>("items").GetAsync(1));
            Assert.Contains("Max Pool Size", thrown.Message, StringComparison.Ordinal);
            Assert.DoesNotContain("Check that the server runs", thrown.Message, StringComparison.Ordinal);
        }
        await using var source = NpgsqlDataSource.Create(Servers.Connection());
        await using var other = await source.OpenConnectionAsync();
        using var slow = new PostgresVectorStore(Servers.Connection() + ";Command Timeout=1") { Schema = schema, Retries = 0 };
        Assert.NotNull(await slow.GetCollection<int, Item>("items").GetAsync(1));
        await using var locking = await other.BeginTransactionAsync();
        await using (var command = new NpgsqlCommand($"LOCK TABLE {schema}.items", other, locking)) await command.ExecuteNonQueryAsync();
        var late = await Assert.ThrowsAsync<VectorStoreException>(() => slow.GetCollection<int, Item>("items").GetAsync(1));
        Assert.Contains("'Command Timeout'", late.Message, StringComparison.Ordinal);
    }

    /// <summary>Random characters cannot be compressed.</summary>
    [Fact]
    public async Task ATextThatIsTooLongForItsIndex_IsRefused_AndNothingIsWritten()
    {
        var random = new Random(1);
        var text = new string([.. Enumerable.Range(0, 20_000).Select(_ => (char)random.Next(0x4E00, 0x9000))]);
        using var store = Store();
        var collection = store.GetDynamicCollection("texts", new VectorStoreCollectionDefinition
        {
            Properties =
            {
                new VectorStoreKeyProperty("Key", typeof(string)), new VectorStoreVectorProperty("Vector", typeof(float[]), 2),
                new VectorStoreDataProperty("Name", typeof(string)) { IsIndexed = true },
                new VectorStoreDataProperty("Tags", typeof(string[])) { IsIndexed = true },
                new VectorStoreDataProperty("Text", typeof(string)),
            },
        });
        await collection.EnsureCollectionExistsAsync();
        await collection.UpsertAsync(Record("short", "name", "tag"));
        foreach (var record in new[] { Record(text, "name", "tag"), Record("key", text, "tag"), Record("key", "name", text) })
            Assert.Contains("may be too long for its index", (await Assert.ThrowsAsync<VectorStoreException>(
                () => collection.UpsertAsync([Record("other", "name", "tag"), record]))).Message, StringComparison.Ordinal);
        Assert.Equal(["short"], (await collection.GetAsync(_ => true, 9).ToListAsync()).Select(record => record["Key"]));

        Dictionary<string, object?> Record(string key, string name, string tag) => new()
        {
            ["Key"] = key, ["Vector"] = new float[] { 1, 2 }, ["Name"] = name, ["Tags"] = new[] { tag }, ["Text"] = text,
        };
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

    /// <summary>Nobody could tell the program whether the server had committed. So the call ends as if it had not been canceled, and the
    /// record gets its key.</summary>
    [Fact]
    public async Task ACallThatIsCanceledWhileTheServerCommits_IsDone()
    {
        await using var proxy = new Proxy(Servers.Connection());
        using var store = Store(proxy.Connection + ";Cancellation Timeout=-1");       // a canceled wait for an answer ends at once
        var items = store.GetCollection<Guid, Keyed<Guid>>("canceled");
        await items.EnsureCollectionExistsAsync();
        using var stop = new CancellationTokenSource();
        proxy.Commits = () =>
        {
            stop.Cancel();
            Thread.Sleep(300);
        };
        var record = new Keyed<Guid> { Vector = [1, 2] };

        await items.UpsertAsync(record, stop.Token);

        Assert.True(stop.IsCancellationRequested);
        Assert.NotEqual(Guid.Empty, record.Key);
        Assert.NotNull(await items.GetAsync(record.Key));
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
