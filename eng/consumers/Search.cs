using MetricLearning.Search;
using Microsoft.Extensions.VectorData;

// A thousand drawn vectors in a file; one of them is looked for.
var path = Path.Combine(Path.GetTempPath(), $"{Guid.NewGuid():N}.db");
try
{
    using var store = new SqliteVectorStore(path);
    var products = store.GetCollection<string, Product>("products");
    await products.EnsureCollectionExistsAsync();
    var random = new Random(1);
    float[] Draw() => [.. Enumerable.Range(0, 64).Select(_ => random.NextSingle() - 0.5f)];
    Product[] records = [.. Enumerable.Range(0, 1000).Select(i => new Product { Id = $"shoe-{i}", Sold = i % 2 == 0, Vector = Draw() })];
    await products.UpsertAsync(records);
    var options = new VectorSearchOptions<Product> { Filter = product => !product.Sold };
    await foreach (var hit in products.SearchAsync(records[7].Vector, top: 1, options))
        Console.WriteLine($"the nearest is {hit.Record.Id}");
}
finally
{
    foreach (var file in Directory.GetFiles(Path.GetTempPath(), Path.GetFileName(path) + "*")) File.Delete(file);
}

internal sealed class Product
{
    [VectorStoreKey]
    public string Id { get; set; } = "";

    [VectorStoreData]
    public bool Sold { get; set; }

    [VectorStoreVector(64)]
    public ReadOnlyMemory<float> Vector { get; set; }
}
