using BenchmarkDotNet.Attributes;

namespace MetricLearning.Benchmarks;

/// <summary>The cases of a category as BenchmarkDotNet benchmarks.</summary>
[MemoryDiagnoser]
[PeakMemory]
public abstract class CaseBenchmarks
{
    private readonly string category;
    private Work? work;

    protected CaseBenchmarks(string category) => this.category = category;

    [ParamsSource(nameof(Cases))]
    public string Case { get; set; } = "";

    public IEnumerable<string> Cases => CaseTable.All.Where(item => item.Category == category && !item.Heavy).Select(item => item.Name);

    [GlobalSetup]
    public void Setup() => work = CaseTable.ByName[Case].Create(Settings.Device);

    [Benchmark(Baseline = true)]
    public void Naive() => Run(work!.Naive);

    [Benchmark]
    public void Ours() => Run(work!.Ours);

    [Benchmark]
    public void Floor() => Run(work!.Floor);

    [GlobalCleanup(Target = nameof(Naive))]
    public void CleanupNaive() => Cleanup(nameof(Naive), work!.Naive);

    [GlobalCleanup(Target = nameof(Ours))]
    public void CleanupOurs() => Cleanup(nameof(Ours), work!.Ours);

    [GlobalCleanup(Target = nameof(Floor))]
    public void CleanupFloor() => Cleanup(nameof(Floor), work!.Floor);

    private static void Run(Func<TorchSharp.torch.Tensor[]>? way)
    {
        MemoryGauge.Free((way ?? throw new NotSupportedException("This case has no such way."))());
        Settings.Synchronize();
    }

    private void Cleanup(string way, Func<TorchSharp.torch.Tensor[]>? run)
    {
        if (run is not null) PeakMemoryDiagnoser.Peaks[(Case, way)] = MemoryGauge.Measure(run).PeakBytes;
        work!.Dispose();
    }
}
