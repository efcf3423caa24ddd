using Microsoft.Extensions.VectorData;
using MetricLearning.Search;

// Writes batches of records to a store until it is killed, and says after each call that it has returned. Arguments: the file, the records
// of a batch, the width of vectors.
var (size, width) = (int.Parse(args[1], null), int.Parse(args[2], null));
using var store = new SqliteVectorStore(args[0]);
var records = store.GetDynamicCollection("records", new VectorStoreCollectionDefinition
{
    Properties =
    [
        new VectorStoreKeyProperty("Key", typeof(long)), new VectorStoreDataProperty("Batch", typeof(int)),
        new VectorStoreVectorProperty("Vector", typeof(float[]), width),
    ],
});
await records.EnsureCollectionExistsAsync();
for (var batch = 0; ; batch++)
{
    await records.UpsertAsync(Enumerable.Range(0, size).Select(i => new Dictionary<string, object?>
    {
        ["Key"] = (long)batch * size + i,
        ["Batch"] = batch,
        ["Vector"] = Enumerable.Range(0, width).Select(column => (float)Math.Sin(batch * 7919 + i * 31 + column)).ToArray(),
    }));
    Console.WriteLine(batch);
}
