using Microsoft.Extensions.VectorData;

namespace MetricLearning.Search.Tests;

/// <summary>The store in a database does what every store does.</summary>
public sealed class PostgresStoreTests : StoreConformance
{
    private readonly string schema = Servers.NewSchema();
    private readonly PostgresVectorStore store;

    public PostgresStoreTests() => store = new PostgresVectorStore(Servers.Connection()) { Schema = schema };

    protected override VectorStore Store => store;

    protected override void Dispose(bool disposing)
    {
        base.Dispose(disposing);
        Servers.Drop(schema);
    }
}
