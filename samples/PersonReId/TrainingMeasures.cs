using System.Diagnostics.Metrics;
using MetricLearning;

namespace PersonReId;

/// <summary>The metrics of a training run, for <c>dotnet-counters</c>, OpenTelemetry and other listeners of
/// <see cref="System.Diagnostics.Metrics"/>. They contain only values that training computes anyway.</summary>
internal sealed class TrainingMeasures : IDisposable
{
    public const string MeterName = "PersonReId.Training";

    private readonly Meter meter = new(MeterName);
    private readonly Counter<long> images;
    private readonly Histogram<double> steps;
    private readonly Gauge<double> loss;
    private readonly Gauge<double> active;
    private readonly Gauge<double> rate;
    private readonly Gauge<double> epoch;

    public TrainingMeasures()
    {
        images = meter.CreateCounter<long>("person_reid.training.images", null, "Images that training has seen");
        steps = meter.CreateHistogram<double>("person_reid.training.step", "s", "Time of a step, with the wait for its images",
            advice: new InstrumentAdvice<double> { HistogramBucketBoundaries = [0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30] });
        loss = meter.CreateGauge<double>("person_reid.training.loss", null, "The value of each loss in the last step");
        active = meter.CreateGauge<double>("person_reid.training.active_fraction", null,
            "The share of each loss's terms that are above 0 in the last step");
        rate = meter.CreateGauge<double>("person_reid.training.learning_rate", null, "The learning rate of the last step");
        epoch = meter.CreateGauge<double>("person_reid.training.epoch", null, "The epochs that are done");
    }

    /// <summary>Records a step that is done.</summary>
    /// <param name="result">The values of the losses.</param>
    /// <param name="batch">The number of images of the step.</param>
    /// <param name="time">The time since the previous step.</param>
    /// <param name="learningRate">The learning rate of the step.</param>
    /// <param name="done">The epochs that are done.</param>
    public void Step(LossSumResult result, int batch, TimeSpan time, double learningRate, double done)
    {
        images.Add(batch);
        steps.Record(time.TotalSeconds);
        foreach (var part in result.Parts)
        {
            var name = new KeyValuePair<string, object?>("loss", part.Name);
            loss.Record(part.Value, name);
            if (part.Report is { } report) active.Record(report.ActiveFraction, name);
        }
        rate.Record(learningRate);
        epoch.Record(done);
    }

    public void Dispose() => meter.Dispose();
}
