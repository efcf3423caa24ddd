using Microsoft.Extensions.VectorData;
using Npgsql;

namespace MetricLearning.Search.Tests;

/// <summary>Runs the tests of canaries of all stores on the store in a database.</summary>
public sealed class PostgresCanaryTests : CanaryConformance, IDisposable
{
    private readonly string schema = Servers.NewSchema();

    protected override VectorStore Open(GalleryCanaries? canaries) =>
        new PostgresVectorStore(Servers.Connection()) { Schema = schema, Canaries = canaries };

    protected override Task<GalleryCanaries?> StoredAsync(VectorStoreCollection<int, Keyed<int>> records) =>
        ((PostgresCollection<int, Keyed<int>>)records).GetCanariesAsync();

    /// <summary>The first builds created the table of collections without a column for canaries.</summary>
    [Fact]
    public async Task ATableOfAnEarlierBuild_GetsItsColumn_AndKeepsItsRecords()
    {
        using (var first = Open(canaries: null)) await FillAsync(first);
        Servers.Run(Servers.Connection(), $"ALTER TABLE {schema}.metriclearning_collections DROP COLUMN canaries");
        using (var plain = Open(canaries: null)) Assert.NotNull(await Seen(plain).GetAsync(1));
        var canaries = await FakeModel.CanariesAsync(slant: 0);
        using (var reading = Open(canaries))
        {
            var refused = await Assert.ThrowsAsync<VectorStoreException>(() => Seen(reading).GetAsync(1));
            Assert.Contains(nameof(VectorStoreCollection<int, Keyed<int>>.EnsureCollectionExistsAsync), refused.Message,
                StringComparison.Ordinal);
        }
        using (var without = Open(canaries: null)) await Seen(without).EnsureCollectionExistsAsync();
        using var store = Open(canaries);
        Assert.NotNull(await Seen(store).GetAsync(1));
        Assert.Null(await StoredAsync(Seen(store)));
        await Seen(store).EnsureCollectionExistsAsync();
        Assert.Equal(canaries.ToJson(), (await StoredAsync(Seen(store)))!.ToJson());
        Assert.Single(await Seen(store).SearchAsync(new float[] { 1, 2 }, 3).ToListAsync());
    }

    /// <summary>As long as a collection has no canaries, a program with canaries sends the same commands as a program without. As soon as
    /// the collection has some, it sends one more command, once.</summary>
    [Fact]
    public async Task ACollectionWithoutCanaries_CostsNoCommand()
    {
        using (var first = Open(canaries: null)) await FillAsync(first);
        var canaries = await FakeModel.CanariesAsync(slant: 0);
        var plain = await CommandsAsync(canaries: null);
        Assert.True(plain >= 3);
        Assert.Equal(plain, await CommandsAsync(canaries));
        using (var store = Open(canaries)) await Seen(store).EnsureCollectionExistsAsync();
        Assert.Equal(plain + 1, await CommandsAsync(canaries));
    }

    public void Dispose() => Servers.Drop(schema);

    private static VectorStoreCollection<int, Keyed<int>> Seen(VectorStore store) => store.GetCollection<int, Keyed<int>>("seen");

    private static async Task FillAsync(VectorStore store)
    {
        await Seen(store).EnsureCollectionExistsAsync();
        await Seen(store).UpsertAsync(new Keyed<int> { Key = 1, Vector = new float[] { 1, 2 } });
    }

    /// <summary>The number of commands that a few calls send to the server.</summary>
    private async Task<int> CommandsAsync(GalleryCanaries? canaries)
    {
        using var log = new CommandLog();
        var builder = new NpgsqlDataSourceBuilder(Servers.Connection());
        builder.UseLoggerFactory(log);
        await using var source = builder.Build();
        using var store = new PostgresVectorStore(source) { Schema = schema, Canaries = canaries };
        // A collection compares its canaries once. Another object for the same collection would compare them again.
        var records = Seen(store);
        Assert.NotNull(await records.GetAsync(1));
        Assert.NotNull(await records.GetAsync(1));
        await records.DeleteAsync(7);
        return log.Commands.Count;
    }
}
