using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.VectorData;

namespace MetricLearning.Search.Tests;

/// <summary>Runs the tests of all stores on the store in a database.</summary>
public sealed class PostgresStoreTests : StoreConformance
{
    private readonly string schema = Servers.NewSchema();
    private readonly PostgresVectorStore store;

    public PostgresStoreTests() => store = new PostgresVectorStore(Servers.Connection()) { Schema = schema };

    protected override VectorStore Store => store;

    protected override void Register(IServiceCollection services, Func<IServiceProvider, VectorStore>? create) =>
        _ = create is null ? services.AddPostgresVectorStore(Servers.Connection())
            : services.AddPostgresVectorStore(provider => (PostgresVectorStore)create(provider));

    protected override void Dispose(bool disposing)
    {
        base.Dispose(disposing);
        Servers.Drop(schema);
    }
}
