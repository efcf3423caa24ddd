using System.CommandLine;
using MetricLearning.Search.Benchmarks;

// Galleries of a million rows: in memory, and in a file. Run each command in a process of its own, so that the measured memory is that of
// the command alone.
var rows = new Option<int>("--rows") { Description = "Rows of the gallery", DefaultValueFactory = _ => 1_000_000 };
var width = new Option<int>("--width") { Description = "Numbers in a vector", DefaultValueFactory = _ => 512 };
var queries = new Option<int>("--queries") { Description = "How many queries are timed one by one", DefaultValueFactory = _ => 200 };
var file = new Argument<FileInfo>("file") { Description = "The database" };

var memory = new Command("memory", "Times single queries to an index in memory, with filters of 100, 10, 1 and 0.1 %")
{
    rows, width, queries,
};
memory.SetAction(parsed => MemoryTrial.Run(parsed.GetValue(rows), parsed.GetValue(width), parsed.GetValue(queries)));
var fill = new Command("fill", "Adds rows to a file, with each call flushed to the disk, and packs them") { file, rows, width };
fill.SetAction(parsed => FileTrial.FillAsync(parsed.GetValue(file)!, parsed.GetValue(rows), parsed.GetValue(width)));
var open = new Command("open", "Times the opening of a filled file up to its first answer, then single queries, and reads the memory")
{
    file, width, queries,
};
open.SetAction(parsed => FileTrial.OpenAsync(parsed.GetValue(file)!, parsed.GetValue(width), parsed.GetValue(queries)));
var filter = new Command("filter", "Times filtered searches in a filled file, and compares their answers with a plain loop")
{
    file, rows, width, queries,
};
filter.SetAction(parsed =>
    FilterTrial.RunAsync(parsed.GetValue(file)!, parsed.GetValue(rows), parsed.GetValue(width), parsed.GetValue(queries)));
var folder = new Argument<DirectoryInfo>("folder") { Description = "Where the vectors are written for faiss_flat.py" };
var peers = new Command("peers", "Times the index in memory beside USearch, and writes its vectors and answers for Faiss")
{
    folder, rows, width, queries,
};
peers.SetAction(parsed =>
    PeersTrial.Run(parsed.GetValue(folder)!, parsed.GetValue(rows), parsed.GetValue(width), parsed.GetValue(queries)));
return await new RootCommand("Measures search in galleries of a million rows.") { memory, fill, open, filter, peers }.Parse(args)
    .InvokeAsync(new InvocationConfiguration { EnableDefaultExceptionHandler = false });
