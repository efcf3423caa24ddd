using System.Collections.Concurrent;
using BenchmarkDotNet.Analysers;
using BenchmarkDotNet.Columns;
using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Diagnosers;
using BenchmarkDotNet.Engines;
using BenchmarkDotNet.Exporters;
using BenchmarkDotNet.Loggers;
using BenchmarkDotNet.Reports;
using BenchmarkDotNet.Running;
using BenchmarkDotNet.Validators;

namespace MetricLearning.Benchmarks;

/// <summary>Adds the column "Peak": see <see cref="MemoryUse.PeakBytes"/>.</summary>
[AttributeUsage(AttributeTargets.Class)]
public sealed class PeakMemoryAttribute : Attribute, IConfigSource
{
    public IConfig Config { get; } = ManualConfig.CreateEmpty().AddDiagnoser(new PeakMemoryDiagnoser());
}

/// <summary>Reports the peak memory that the benchmark's cleanup measured in this process.</summary>
internal sealed class PeakMemoryDiagnoser : IDiagnoser
{
    public static ConcurrentDictionary<(string Case, string Way), long?> Peaks { get; } = new();

    public IEnumerable<string> Ids => [nameof(PeakMemoryDiagnoser)];

    public IEnumerable<IExporter> Exporters => [];

    public IEnumerable<IAnalyser> Analysers => [];

    public RunMode GetRunMode(BenchmarkCase benchmarkCase) => RunMode.NoOverhead;

    public void Handle(HostSignal signal, DiagnoserActionParameters parameters) { }

    public IEnumerable<Metric> ProcessResults(DiagnoserResults results)
    {
        var (item, way) = ((string)results.BenchmarkCase.Parameters["Case"], results.BenchmarkCase.Descriptor.WorkloadMethod.Name);
        if (Peaks.GetValueOrDefault((item, way)) is { } peak) yield return new(PeakMetric.Instance, peak);
    }

    public void DisplayResults(ILogger logger) { }

    public IEnumerable<ValidationError> Validate(ValidationParameters validationParameters) => [];

    private sealed class PeakMetric : IMetricDescriptor
    {
        public static PeakMetric Instance { get; } = new();

        public string Id => "Peak";

        public string DisplayName => "Peak";

        public string Legend => "Rise of the resident memory (native and managed) in one call, at its highest";

        public string NumberFormat => "0.##";

        public UnitType UnitType => UnitType.Size;

        public string Unit => "B";

        public bool TheGreaterTheBetter => false;

        public int PriorityInCategory => 0;

        public bool GetIsAvailable(Metric metric) => true;
    }
}
