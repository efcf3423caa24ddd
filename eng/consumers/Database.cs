using MetricLearning.Search;
using Microsoft.Extensions.VectorData;

// There is no server at this address; the store says so.
using var store = new PostgresVectorStore("Host=127.0.0.1;Port=1;Username=me;Database=gallery;Timeout=2") { Retries = 0 };
var products = store.GetCollection<string, Product>("products");
try
{
    await foreach (var hit in products.SearchAsync(new float[] { 1, 2, 3, 4 }, top: 1, new() { Filter = product => !product.Sold }))
        Console.WriteLine(hit.Record.Id);
}
catch (VectorStoreException e) when (e.Message.Contains("PostgreSQL at 127.0.0.1:1", StringComparison.Ordinal))
{
    Console.WriteLine("the server is not there");
}

internal sealed class Product
{
    [VectorStoreKey]
    public string Id { get; set; } = "";

    [VectorStoreData]
    public bool Sold { get; set; }

    [VectorStoreVector(4, IndexKind = IndexKind.Hnsw)]
    public ReadOnlyMemory<float> Vector { get; set; }
}
