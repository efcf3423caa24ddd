using System.CommandLine;
using BenchmarkDotNet.Columns;
using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Filters;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Running;
using BenchmarkDotNet.Toolchains.InProcess.Emit;
using MetricLearning.Benchmarks;

var guard = new Option<bool>("--guard") { Description = "Compares the ratios of the guarded cases with the recorded ones; fails where one is worse" };
var check = new Option<bool>("--check") { Description = "Compares the values and gradients of ours and of the naive partners" };
var record = new Option<bool>("--record") { Description = "Measures, and writes the records of this machine" };
var list = new Option<bool>("--list") { Description = "Lists the cases" };
var loading = new Option<bool>("--loading") { Description = "Measures the loading of pictures: images a second, and whether a step waits" };
var only = new Option<string[]>("--only") { Description = "Cases whose name contains one of these", AllowMultipleArgumentsPerToken = true };
var device = new Option<string>("--device") { Description = "cpu or cuda", DefaultValueFactory = _ => "cpu" };
var threads = new Option<int>("--threads") { Description = "Threads of libtorch", DefaultValueFactory = _ => Environment.ProcessorCount };
var root = new RootCommand("Measures the library beside naive partners. Without one of the commands: BenchmarkDotNet, which takes its own options (--filter ...).")
{
    guard, check, record, list, loading, only, device, threads,
};
root.TreatUnmatchedTokensAsErrors = false;
root.SetAction(parsed =>
{
    Settings.Apply(parsed.GetValue(device)!, parsed.GetValue(threads));
    var names = parsed.GetValue(only) ?? [];
    if (parsed.GetValue(guard)) return RatioGuard.Run(Named(names, CaseTable.All.Where(item => item.Guarded)));
    if (parsed.GetValue(check)) return ValueCheck.Run(Named(names, CaseTable.All));
    if (parsed.GetValue(record)) return Recorder.Run(Named(names, CaseTable.All));
    if (parsed.GetValue(list)) return List(Named(names, CaseTable.All));
    if (parsed.GetValue(loading)) return LoadingReport.Run();
    return Benchmark([.. parsed.UnmatchedTokens]);
});
return root.Parse(args).Invoke(new InvocationConfiguration { EnableDefaultExceptionHandler = false });

// Those whose names contain one of the texts; without any text all but the heavy ones.
static IReadOnlyList<Case> Named(string[] texts, IEnumerable<Case> cases) => texts.Length == 0
    ? [.. cases.Where(item => !item.Heavy)]
    : [.. cases.Where(item => texts.Any(text => item.Name.Contains(text, StringComparison.OrdinalIgnoreCase)))];

static int List(IReadOnlyList<Case> cases)
{
    foreach (var item in cases) Console.WriteLine($"{item.Name}{(item.Guarded ? " (guarded)" : "")}");
    return 0;
}

// In this process: each generated project of the default toolchain would copy all of libtorch.
static int Benchmark(string[] arguments)
{
    var job = Job.ShortRun.WithToolchain(InProcessEmitToolchain.Instance).WithWarmupCount(2).WithIterationCount(10);
    var config = DefaultConfig.Instance.AddJob(job).HideColumns(Column.Job, Column.Toolchain).WithOption(ConfigOptions.DisableOptimizationsValidator, false)
        .AddFilter(new SimpleFilter(benchmark => Has((string)benchmark.Parameters["Case"], benchmark.Descriptor.WorkloadMethod.Name)));
    var summaries = BenchmarkSwitcher.FromAssembly(typeof(CaseBenchmarks).Assembly).Run(arguments, config);
    return summaries.All(summary => !summary.HasCriticalValidationErrors && summary.Reports.All(report => report.Success)) ? 0 : 1;
}

static bool Has(string name, string way)
{
    using var work = CaseTable.ByName[name].Create(Settings.Device);
    return work.Ways.Any(has => has.Name == way);
}
