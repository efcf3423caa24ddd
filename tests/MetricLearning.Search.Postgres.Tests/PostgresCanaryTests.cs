using Microsoft.Extensions.VectorData;

namespace MetricLearning.Search.Tests;

/// <summary>The store in a database does with canaries what every store does.</summary>
public sealed class PostgresCanaryTests : CanaryConformance, IDisposable
{
    private readonly string schema = Servers.NewSchema();

    protected override VectorStore Open(GalleryCanaries? canaries) =>
        new PostgresVectorStore(Servers.Connection()) { Schema = schema, Canaries = canaries };

    protected override Task<GalleryCanaries?> StoredAsync(VectorStoreCollection<int, Keyed<int>> records) =>
        ((PostgresCollection<int, Keyed<int>>)records).GetCanariesAsync();

    public void Dispose() => Servers.Drop(schema);
}
