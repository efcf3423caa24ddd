using Microsoft.Extensions.VectorData;

namespace MetricLearning.Search.Tests;

/// <summary>Tests that the answers of the database are those of float64, and that the recall of an index is measured.</summary>
public sealed class ExactAnswerTests : IDisposable
{
    private const int Width = 24;
    private readonly string schema = Servers.NewSchema();

    public void Dispose() => Servers.Drop(schema);

    public static TheoryData<RowKind, string> Hard => new()
    {
        { RowKind.Plain, DistanceFunction.CosineSimilarity }, { RowKind.NearTwins, DistanceFunction.CosineSimilarity },
        { RowKind.Ties, DistanceFunction.CosineSimilarity }, { RowKind.HugeOffset, DistanceFunction.CosineSimilarity },
        { RowKind.Rectified, DistanceFunction.DotProductSimilarity }, { RowKind.NearTwins, DistanceFunction.DotProductSimilarity },
        { RowKind.HugeOffset, DistanceFunction.DotProductSimilarity }, { RowKind.Denormals, DistanceFunction.DotProductSimilarity },
        { RowKind.Plain, DistanceFunction.EuclideanDistance }, { RowKind.NearTwins, DistanceFunction.EuclideanDistance },
        { RowKind.HugeOffset, DistanceFunction.EuclideanDistance }, { RowKind.TinyNorms, DistanceFunction.EuclideanDistance },
        { RowKind.Ties, DistanceFunction.EuclideanDistance },
    };

    /// <summary>The server itself may order such rows wrongly, because it adds in float32.</summary>
    [Theory, MemberData(nameof(Hard))]
    public async Task TheOrder_IsThatOfFloat64(RowKind kind, string distance)
    {
        using var store = new PostgresVectorStore(Servers.Connection()) { Schema = schema };
        var rows = await FilledAsync(store, kind, 300, distance, null);
        var metric = distance == DistanceFunction.CosineSimilarity ? SearchMetric.Cosine
            : distance == DistanceFunction.DotProductSimilarity ? SearchMetric.Dot : SearchMetric.Euclidean;
        ReadOnlyMemory<float>[] queries = [.. DrawnRows.Of(kind, 4, Width, seed: 2).Select(row => (ReadOnlyMemory<float>)row),
            rows.Vectors[7]];
        var found = await rows.Collection.SearchBatchAsync(queries, 20);
        for (var i = 0; i < queries.Length; i++)
            Assert.Equal(PlainSearch.Nearest(metric, queries[i].ToArray(), rows.Vectors.Select((vector, key) => (key, vector)), 20),
                found[i].Select(hit => ((int)hit.Record["Key"]!, hit.Score!.Value)));
    }

    /// <summary>The index finds most of the nearest rows. The library measures the share.</summary>
    [Fact]
    public async Task RecallOfAnIndex_IsMeasured()
    {
        using var store = new PostgresVectorStore(Servers.Connection()) { Schema = schema, IndexCandidates = 10 };
        var (collection, _) = await FilledAsync(store, RowKind.Plain, 2000, DistanceFunction.CosineSimilarity, IndexKind.Hnsw);
        using var direct = new PostgresVectorStore(Servers.Connection()) { Schema = schema, UsesIndexes = false };
        var exact = direct.GetDynamicCollection("rows", Definition(DistanceFunction.CosineSimilarity, IndexKind.Hnsw));
        ReadOnlyMemory<float>[] queries = [.. DrawnRows.Of(RowKind.Plain, 30, Width, seed: 3).Select(row => (ReadOnlyMemory<float>)row)];
        Assert.Equal(1, (await Recall(exact).MeasureRecallAsync(queries, 10)).Recall.Estimate);
        var measured = await Recall(collection).MeasureRecallAsync(queries, 10);
        Assert.Equal((2000, 30), (measured.Records, measured.Queries));
        var answers = await exact.SearchBatchAsync(queries, 10);
        var byIndex = await collection.SearchBatchAsync(queries, 10);
        var shares = byIndex.Zip(answers, (index, all) =>
            index.Count(hit => all.Any(other => Equals(other.Record["Key"], hit.Record["Key"]))) / 10.0);
        Assert.Equal(shares.Average(), measured.Recall.Estimate, 12);
        // Without the index the answers would be exact, and the recall 1.
        Assert.InRange(measured.Recall.Estimate, 0.3, 0.99);
        foreach (var list in byIndex)
            Assert.Equal(list.OrderByDescending(hit => hit.Score).Select(hit => hit.Score), list.Select(hit => hit.Score));

        static ExactSearch<object, Dictionary<string, object?>> Recall(VectorStoreCollection<object, Dictionary<string, object?>> over) =>
            ExactSearch.Over(over, record => record["Key"]!, record => (float[])record["Vector"]!) with { OverFetch = 1 };
    }

    /// <summary>With a filter that keeps few rows, the index continues to search until it has enough rows. The filter keeps a tenth of the
    /// rows by a column without an index. With fewer rows, or with an index of the column, the server would not use the index.</summary>
    [Fact]
    public async Task AnIndexUnderAFilter_GivesEnough()
    {
        using var store = new PostgresVectorStore(Servers.Connection()) { Schema = schema, IndexCandidates = 10 };
        var (collection, _) = await FilledAsync(store, RowKind.Plain, 2000, DistanceFunction.EuclideanDistance, IndexKind.Hnsw);
        var found = await collection.SearchBatchAsync([DrawnRows.Of(RowKind.Plain, 1, Width, seed: 4)[0]], 10,
            new() { Filter = record => (int)record["Part"]! < 2 });
        Assert.Equal(10, found[0].Count);
        Assert.All(found[0], hit => Assert.InRange((int)hit.Record["Part"]!, 0, 1));
    }

    [Fact]
    public async Task PartitionedTables_GiveTheSame()
    {
        using var store = new PostgresVectorStore(Servers.Connection()) { Schema = schema, Partitions = 4 };
        var (collection, vectors) = await FilledAsync(store, RowKind.Plain, 300, DistanceFunction.CosineSimilarity, null);
        Assert.Equal(4L, Servers.Read($"SELECT count(DISTINCT tableoid) FROM {schema}.rows"));
        var query = DrawnRows.Of(RowKind.Plain, 1, Width, seed: 5)[0];
        Assert.Equal(PlainSearch.Nearest(SearchMetric.Cosine, query, vectors.Select((vector, key) => (key, vector)), 30)
            .Select(hit => hit.Key), (await collection.SearchAsync(query, 30).ToListAsync()).Select(hit => (int)hit.Record["Key"]!));
        await collection.DeleteAsync(5);
        Assert.Null(await collection.GetAsync(5));
        await collection.EnsureCollectionDeletedAsync();
        Assert.Empty(await store.ListCollectionNamesAsync().ToListAsync());
    }

    private static VectorStoreCollectionDefinition Definition(string distance, string? index) => new()
    {
        Properties =
        [
            new VectorStoreKeyProperty("Key", typeof(int)), new VectorStoreDataProperty("Part", typeof(int)),
            new VectorStoreVectorProperty("Vector", typeof(float[]), Width) { DistanceFunction = distance, IndexKind = index },
        ],
    };

    private static async Task<(PostgresCollection<object, Dictionary<string, object?>> Collection, float[][] Vectors)> FilledAsync(
        PostgresVectorStore store, RowKind kind, int count, string distance, string? index)
    {
        var (collection, vectors) = (store.GetDynamicCollection("rows", Definition(distance, index)), DrawnRows.Of(kind, count, Width, 1));
        await collection.EnsureCollectionExistsAsync();
        await collection.UpsertAsync(vectors.Select((vector, key) => new Dictionary<string, object?>
        {
            ["Key"] = key, ["Part"] = key % 20, ["Vector"] = vector,
        }));
        return (collection, vectors);
    }
}
