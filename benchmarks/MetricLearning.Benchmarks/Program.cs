using System.CommandLine;
using BenchmarkDotNet.Columns;
using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Filters;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Running;
using BenchmarkDotNet.Toolchains.InProcess.Emit;
using MetricLearning;
using MetricLearning.Benchmarks;

var guard = new Option<bool>("--guard")
{
    Description = "Compares the ratios of the guarded cases with the recorded ones; fails if one is worse",
};
var check = new Option<bool>("--check") { Description = "Compares our values and gradients with those of the naive partners" };
var record = new Option<bool>("--record") { Description = "Measures all cases, and writes the records of this machine" };
var missing = new Option<bool>("--missing") { Description = "Records only cases without a record, to continue a run that was stopped" };
var report = new Option<bool>("--report")
{
    Description = "Writes docs/benchmarks.md, its plots and the tables in benchmarks/results from the records",
};
var list = new Option<bool>("--list") { Description = "Lists the cases" };
var loading = new Option<bool>(
    "--loading") { Description = "Measures the loading of images: images per second, and whether a training step waits" };
var runtimes = new Option<bool>(
    "--runtimes") { Description = "Measures images a second with libtorch and with ONNX Runtime; --only takes names of backbones" };
var cold = new Option<bool>(
    "--cold") { Description = "Measures the first calls of the cases that --only names, each in fresh processes" };
var coldWay = new Option<string?>("--cold-way") { Description = "What --cold runs in a fresh process", Hidden = true };
var busy = new Option<int>(
    "--busy") { Description = "Measures the cases that --only names alone, and beside this number of busy programs" };
var busyNeighbor = new Option<bool>(BusyNeighbors.Option) { Description = "What --busy runs beside itself", Hidden = true };
var only = new Option<string[]>("--only") { Description = "Cases whose name contains one of these", AllowMultipleArgumentsPerToken = true };
var guarded = new Option<bool>("--guarded") { Description = "Only the cases that the guard measures" };
var heavy = new Option<bool>("--heavy") { Description = "Also runs the heavy cases, which take gigabytes or minutes" };
var device = new Option<string>("--device") { Description = "cpu or cuda", DefaultValueFactory = _ => "cpu" };
var threads = new Option<int>("--threads") { Description = "Threads of libtorch", DefaultValueFactory = _ => Environment.ProcessorCount };
var keepMemory = new Option<bool>("--keep-memory") { Description = "Keeps freed memory for the next tensors, as the samples do" };
var root = new RootCommand(
    "Measures the library beside naive partners. Without one of the commands: BenchmarkDotNet, which takes its own options (--filter ...).")
{
    guard, check, record, missing, report, list, loading, runtimes, cold, coldWay, busy, busyNeighbor, only,
    guarded, heavy, device, threads, keepMemory,
};
root.TreatUnmatchedTokensAsErrors = false;
root.SetAction(parsed =>
{
    if (parsed.GetValue(busyNeighbor)) return BusyNeighbors.Run();
    if (parsed.GetValue(keepMemory) && !NativeAllocator.KeepFreedMemory()) Console.Error.WriteLine("This system cannot keep freed memory.");
    Settings.Apply(parsed.GetValue(device)!, parsed.GetValue(threads));
    var texts = parsed.GetValue(only) ?? [];
    if (parsed.GetValue(runtimes)) return RuntimeReport.Run(texts, parsed.GetValue(threads));
    IReadOnlyList<Case> cases = [.. CaseTable.All.Where(item => (!item.Heavy || parsed.GetValue(heavy))
        && (item.Guarded || !parsed.GetValue(guarded))
        && (texts.Length == 0 || texts.Any(text => item.Name.Contains(text, StringComparison.OrdinalIgnoreCase))))];
    if (parsed.GetValue(guard)) return RatioGuard.Run([.. cases.Where(item => item.Guarded)]);
    if (parsed.GetValue(check)) return ValueCheck.Run(cases) | ResultsPage.Verify();
    if (parsed.GetValue(record)) return Recorder.Run(cases, parsed.GetValue(missing));
    if (parsed.GetValue(report)) return ResultsPage.Write();
    if (parsed.GetValue(list)) return List(cases);
    if (parsed.GetValue(loading)) return LoadingReport.Run();
    if (parsed.GetValue(coldWay) is { } way) return ColdReport.RunOne(cases.Single(item => texts.Contains(item.Name)), way);
    if (parsed.GetValue(cold)) return ColdReport.Run(cases);
    if (parsed.GetValue(busy) is > 0 and var neighbors) return BusyReport.Run(cases, neighbors);
    return Benchmark([.. parsed.UnmatchedTokens]);
});
return root.Parse(args).Invoke(new InvocationConfiguration { EnableDefaultExceptionHandler = false });

static int List(IReadOnlyList<Case> cases)
{
    foreach (var item in cases) Console.WriteLine($"{item.Name}{(item.Guarded ? " (guarded)" : "")}");
    return 0;
}

// Runs BenchmarkDotNet in this process, because each project that its default toolchain generates would copy all of libtorch.
static int Benchmark(string[] arguments)
{
    var job = Job.ShortRun.WithToolchain(InProcessEmitToolchain.Instance).WithWarmupCount(2).WithIterationCount(10);
    var config = DefaultConfig.Instance.AddJob(job).HideColumns(Column.Job, Column.Toolchain)
        .WithOption(ConfigOptions.DisableOptimizationsValidator, false)
        .AddFilter(new SimpleFilter(benchmark => Has((string)benchmark.Parameters["Case"], benchmark.Descriptor.WorkloadMethod.Name)));
    var summaries = BenchmarkSwitcher.FromAssembly(typeof(CaseBenchmarks).Assembly).Run(arguments, config);
    return summaries.All(summary => !summary.HasCriticalValidationErrors && summary.Reports.All(report => report.Success)) ? 0 : 1;
}

static bool Has(string name, string way)
{
    using var work = CaseTable.ByName[name].Create(Settings.Device);
    return work.Ways.Any(has => has.Name == way);
}
