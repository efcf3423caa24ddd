using Microsoft.Extensions.VectorData;
using MetricLearning.Search;
using MetricLearning.Search.Indexer;

// Writes batches of records to a store until it is killed, and prints a line after each call. Arguments: the file, the records of a batch,
// the width of vectors, and optionally "search". With "search" it searches after each call, so that it also packs rows. Two other forms are
// for the tests of a full disk: "full FOLDER" and "room FOLDER RECORDS". "open FILE" opens a file and prints why the store refused it. It
// fails if the store accepted it. "look FILE" searches a gallery of the tests that it cannot write to.
if (args is ["full", var small]) return await FullDiskTrial.FillAsync(small);
if (args is ["room", var larger, var count]) return await FullDiskTrial.GoOnAsync(larger, int.Parse(count, null));
if (args is ["open", var refused])
{
    try
    {
        new SqliteVectorStore(refused).Dispose();
        return 1;
    }
    catch (VectorStoreException e)
    {
        Console.WriteLine(e.Message);
        return 0;
    }
}
if (args is ["look", var fixedFile]) return await ReadOnlyTrial.LookAsync(fixedFile);
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
    if (args is not [.., "search"]) continue;
    var vector = (float[])(await records.GetAsync((long)batch * size, new() { IncludeVectors = true }))!["Vector"]!;
    if ((await records.SearchAsync(vector, 1).ToListAsync())[0].Score < 1 - 1e-9) return 1;
}
