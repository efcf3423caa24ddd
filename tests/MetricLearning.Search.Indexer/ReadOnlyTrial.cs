using Microsoft.Extensions.VectorData;

namespace MetricLearning.Search.Indexer;

/// <summary>Searches a gallery in a folder that cannot be written to.</summary>
internal static class ReadOnlyTrial
{
    private const int Width = 20;

    /// <summary>Prints the keys of the nearest records to the vector of ones, and why a record cannot be written.</summary>
    public static async Task<int> LookAsync(string file)
    {
        using var store = new SqliteVectorStore(file);
        var records = store.GetDynamicCollection("records", new VectorStoreCollectionDefinition
        {
            Properties =
            [
                new VectorStoreKeyProperty("Id", typeof(int)), new VectorStoreDataProperty("Group", typeof(int)),
                new VectorStoreVectorProperty("Vector", typeof(float[]), Width),
            ],
        });
        var ones = Enumerable.Repeat(1f, Width).ToArray();
        var found = await records.SearchAsync(ones, 12).ToListAsync();
        Console.WriteLine(string.Join(" ", found.Select(hit => hit.Record["Id"])));
        try
        {
            await records.UpsertAsync(new Dictionary<string, object?> { ["Id"] = -1, ["Group"] = 0, ["Vector"] = ones });
            return 1;
        }
        catch (VectorStoreException e)
        {
            Console.WriteLine(e.Message);
            return 0;
        }
    }
}
