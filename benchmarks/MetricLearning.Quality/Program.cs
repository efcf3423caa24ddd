using System.CommandLine;
using MetricLearning;
using MetricLearning.Benchmarks;
using MetricLearning.Quality;

var kinds = new Option<DataKind[]>("--data")
{
    Description = "The kinds of data", AllowMultipleArgumentsPerToken = true, DefaultValueFactory = _ => Enum.GetValues<DataKind>(),
};
var only = new Option<string[]>("--only")
{
    Description = "Entries whose name contains one of these", AllowMultipleArgumentsPerToken = true,
};
var quick = new Option<bool>("--quick") { Description = "Trains everything for two steps, on few pictures, and keeps nothing" };
var minutes = new Option<double?>("--minutes")
{
    Description = "Starts no further training after this many minutes; run the same command to continue",
};
var threads = new Option<int>("--threads") { Description = "Threads of libtorch", DefaultValueFactory = _ => 1 };
var report = new Option<bool>("--report") { Description = "Writes the tables and the plot of docs/quality.md from the results" };
var list = new Option<bool>("--list") { Description = "Lists the entries" };
var root = new RootCommand("Trains each loss under an equal budget, and writes what it reaches on identities that it has not seen.")
{
    kinds, only, quick, minutes, threads, report, list,
};
root.SetAction(parsed =>
{
    if (parsed.GetValue(report)) return QualityPage.Write();
    var texts = parsed.GetValue(only) ?? [];
    IReadOnlyList<Entry> entries = [.. EntryTable.All.Where(
        entry => texts.Length == 0 || texts.Any(text => entry.Name.Contains(text, StringComparison.OrdinalIgnoreCase)))];
    if (parsed.GetValue(list))
    {
        foreach (var entry in entries) Console.WriteLine(entry.Name);
        return 0;
    }
    Settings.Apply("cpu", parsed.GetValue(threads));
    NativeAllocator.KeepFreedMemory();
    var until = parsed.GetValue(minutes) is { } given ? DateTime.UtcNow.AddMinutes(given) : (DateTime?)null;
    foreach (var kind in parsed.GetValue(kinds)!)
    {
        using var data = DataSources.Load(kind, parsed.GetValue(quick));
        if (data is null)
        {
            Console.WriteLine(DataSources.Missing(kind));
            continue;
        }
        Console.WriteLine($"{kind}: {data.Sizes}");
        var path = parsed.GetValue(quick) ? Path.GetTempFileName() : KindResults.PathOf(kind);
        if (parsed.GetValue(quick)) File.Delete(path);
        var whole = new Runner(data, parsed.GetValue(quick), path) { Until = until, Report = Console.WriteLine }.Run(entries);
        if (parsed.GetValue(quick)) File.Delete(path);
        if (!whole)
        {
            Console.WriteLine("The time is over. Run the same command to continue.");
            break;
        }
    }
    return 0;
});
return root.Parse(args).Invoke(new InvocationConfiguration { EnableDefaultExceptionHandler = false });
