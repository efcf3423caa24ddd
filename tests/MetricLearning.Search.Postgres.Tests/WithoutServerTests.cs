using Microsoft.Extensions.VectorData;

namespace MetricLearning.Search.Tests;

/// <summary>Tests that need no server, so they run everywhere.</summary>
public class WithoutServerTests
{
    private const string Nowhere = "Host=127.0.0.1;Port=1;Username=a;Password=secret;Database=b;Timeout=2";

    [Fact]
    public async Task AnAddressWithoutServer_IsNamedWithoutThePassword()
    {
        using var store = new PostgresVectorStore(Nowhere) { RetryPause = TimeSpan.Zero };
        var thrown = await Assert.ThrowsAsync<VectorStoreException>(() => store.CollectionExistsAsync("x"));
        Assert.DoesNotContain("secret", thrown.ToString(), StringComparison.Ordinal);
        Assert.Contains("PostgreSQL at 127.0.0.1:1, database b", thrown.Message, StringComparison.Ordinal);
        Assert.Contains("Check that the server runs", thrown.Message, StringComparison.Ordinal);
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
