using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.VectorData;
using Npgsql;

namespace MetricLearning.Search.Tests;

/// <summary>Tests that need no server, so they run everywhere.</summary>
public class WithoutServerTests
{
    private const string Nowhere = "Host=127.0.0.1;Port=1;Username=a;Password=secret;Database=b;Timeout=2";

    [Theory]
    [InlineData(Nowhere, "b")]
    [InlineData("Host=127.0.0.1;Port=1;Username=a;Password=secret;Timeout=2", "a")]     // PostgreSQL's own rule
    public async Task AnAddressWithoutServer_IsNamedWithoutThePassword(string connection, string database)
    {
        using var store = new PostgresVectorStore(connection) { RetryPause = TimeSpan.Zero };
        var thrown = await Assert.ThrowsAsync<VectorStoreException>(() => store.CollectionExistsAsync("x"));
        Assert.DoesNotContain("secret", thrown.ToString(), StringComparison.Ordinal);
        Assert.Contains($"PostgreSQL at 127.0.0.1:1, database {database}:", thrown.Message, StringComparison.Ordinal);
        Assert.Contains("Check that the server runs", thrown.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(100, 0, 100), InlineData(100, 1, 200), InlineData(100, 2, 400), InlineData(100, 9, 51_200), InlineData(100, 10, 60_000)]
    [InlineData(100, int.MaxValue, 60_000), InlineData(0, int.MaxValue, 0), InlineData(60_001, 5, 60_001), InlineData(1, 5000, 60_000)]
    [InlineData(86_400_000, 1000, 86_400_000)]
    public void ThePause_DoublesUpToAMinute(int first, int attempt, int pause)
    {
        using var store = new PostgresVectorStore(Nowhere)
        {
            RetryPause = TimeSpan.FromMilliseconds(first), Retries = int.MaxValue,
        };
        Assert.Equal(TimeSpan.FromMilliseconds(pause), store.Server.PauseBefore(attempt));
    }

    [Fact]
    public void SettingsOutOfRange_AreRefused()
    {
        foreach (var pause in new[] { TimeSpan.MaxValue, TimeSpan.FromDays(1) + TimeSpan.FromTicks(1), TimeSpan.FromTicks(-1) })
            Assert.Throws<ArgumentOutOfRangeException>("RetryPause", () => new PostgresVectorStore(Nowhere) { RetryPause = pause });
        foreach (var parts in new[] { -1, 10_001, int.MaxValue })
            Assert.Throws<ArgumentOutOfRangeException>("Partitions", () => new PostgresVectorStore(Nowhere) { Partitions = parts });
        Assert.Throws<ArgumentException>("Schema", () => new PostgresVectorStore(Nowhere) { Schema = "" });
    }

    /// <summary>A wrong text ends a program when it registers its services, not in its first request.</summary>
    [Theory, InlineData("nonsense", "Format of the initialization string")]
    [InlineData("Host=x;Prot=1", "Couldn't set prot, because there is no such setting.")]
    [InlineData("Host=x;Port=abc;Password=secret", "Couldn't set port. The input string 'abc'"), InlineData("Host=;", "Host is missing.")]
    [InlineData("Host=x;Timeout=-5", "Couldn't set timeout"), InlineData("Host=x;Port=99999999999", "Couldn't set port")]
    public void ATextThatIsNoConnectionString_IsRefused(string text, string why)
    {
        foreach (var act in new Action[]
        {
            () => new PostgresVectorStore(text).Dispose(), () => new ServiceCollection().AddPostgresVectorStore(text),
        })
        {
            var error = Assert.Throws<ArgumentException>("connectionString", act);
            Assert.StartsWith("connectionString must be a connection string of PostgreSQL", error.Message, StringComparison.Ordinal);
            Assert.Contains(why, error.Message, StringComparison.Ordinal);
            Assert.DoesNotContain("secret", error.ToString(), StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task ADisposedStore_LeavesTheConnectionsToTheirOwner_AndUsesThemNoMore()
    {
        await using var source = NpgsqlDataSource.Create(Nowhere);
        var store = new PostgresVectorStore(source);
        var items = store.GetCollection<int, Item>("items");
        store.Dispose();
        await Assert.ThrowsAsync<ObjectDisposedException>(() => items.GetAsync(1));
        await Assert.ThrowsAsync<ObjectDisposedException>(() => store.CollectionExistsAsync("items"));
        Assert.Throws<ObjectDisposedException>(() => store.GetCollection<int, Item>("items"));
        await Assert.ThrowsAsync<NpgsqlException>(async () => await source.OpenConnectionAsync());
    }

    [Fact]
    public void NamesThatPostgresCuts_AreRefused()
    {
        using var store = new PostgresVectorStore(Nowhere);
        foreach (var name in new[] { new string('x', 64), "a\0", "metriclearning_collections" })
            Assert.Throws<ArgumentException>(() => store.GetCollection<int, Item>(name));
        Assert.Equal("items", store.GetCollection<int, Item>("items").Name);
    }
}
