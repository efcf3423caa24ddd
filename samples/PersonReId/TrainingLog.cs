using System.Diagnostics;
using System.Globalization;
using MetricLearning;

namespace PersonReId;

/// <summary>Follows training: a bar while an epoch runs, a line when it ends, and the points of the report's curves.</summary>
/// <remarks>The points are part of the checkpoint, so that the curves of a resumed run are whole.</remarks>
internal sealed class TrainingLog : IDisposable
{
    private const string Part = "loss: ";
    private const int Points = 120;    // of each curve
    private readonly Stopwatch clock = Stopwatch.StartNew();
    private readonly Stopwatch epochClock = new();
    private readonly RunRecord record;
    private readonly Sampler sampler;
    private readonly TrainingCheckpoint checkpoint;
    private readonly List<TrainingPoint> chunk = [];    // the steps that make the next point of the curves
    private readonly List<TrainingPoint> epoch = [];    // the steps of the current epoch
    private readonly int chunkSize;
    private readonly double start;
    private int number;         // of the current epoch, from 1
    private long earlier;       // batches of it that a run before this one has trained on
    private Bar? bar;

    public TrainingLog(RunRecord record, Sampler sampler, TrainingCheckpoint checkpoint)
    {
        Ui.Heading("Training");
        (this.record, this.sampler, this.checkpoint) = (record, sampler, checkpoint);
        chunkSize = Math.Max(1, sampler.BatchesPerEpoch * Epochs / Points);
        start = Now;
        record.Curves.AddRange(Restore());
    }

    private int Epochs => record.Settings.Epochs;

    private double Now => sampler.State.Epoch + (double)sampler.State.Position / sampler.Count;

    public void StartEpoch()
    {
        epoch.Clear();
        epochClock.Restart();
        (number, earlier) = (sampler.State.Epoch + 1, sampler.State.Position / sampler.BatchSize);
        bar = new Bar($"epoch {number}/{Epochs}", sampler.BatchesPerEpoch);
    }

    /// <summary>Adds what one step gave.</summary>
    public void Add(LossSumResult result, double learningRate)
    {
        // The sampler already stands after this batch; at the end of an epoch that is the start of the next.
        var point = new TrainingPoint(Now, result.Parts.Sum(part => part.Weight * part.Value),
            [.. result.Parts.Select(part => (part.Name, part.Value))], learningRate);
        if (!double.IsFinite(point.Loss))
            throw new UserErrorException($"The loss became {point.Loss} in epoch {Now:0.0}: try a smaller --lr.");
        epoch.Add(point);
        chunk.Add(point);
        if (chunk.Count == chunkSize) AddToCurves();
        bar?.To(earlier + epoch.Count, string.Create(CultureInfo.InvariantCulture, $"loss {point.Loss:0.000}"));
    }

    public void EndEpoch()
    {
        bar?.Dispose();
        if (epoch.Count == 0) return;
        AddToCurves();
        var mean = Mean(epoch);
        var speed = epoch.Count * sampler.BatchSize / epochClock.Elapsed.TotalSeconds;
        var left = clock.Elapsed * ((Epochs - number) / Math.Max(1e-9, number - start));
        var parts = string.Join(", ",
            mean.Parts.Select(part => string.Create(CultureInfo.InvariantCulture, $"{part.Name} {part.Value:0.000}")));
        Ui.Line(string.Create(CultureInfo.InvariantCulture, $"epoch {number,3}/{Epochs}  loss {mean.Loss:0.000} ({parts})")
            + string.Create(CultureInfo.InvariantCulture, $"  rate {mean.LearningRate:0.0e-0}  {speed:0} images/s")
            + $"  {Ui.Time(left)} left");
    }

    /// <summary>Ends the bar of an epoch that was left early, and takes the time.</summary>
    public void Dispose()
    {
        bar?.Dispose();
        record.TrainingTime = clock.Elapsed;
    }

    private void AddToCurves()
    {
        if (chunk.Count == 0) return;
        var points = record.Curves;
        points.Add(Mean(chunk));
        chunk.Clear();
        checkpoint.Histories["epoch"] = [.. points.Select(p => p.Epoch)];
        checkpoint.Histories["loss"] = [.. points.Select(p => p.Loss)];
        checkpoint.Histories["rate"] = [.. points.Select(p => p.LearningRate)];
        for (var i = 0; i < points[0].Parts.Count; i++)
            checkpoint.Histories[Part + points[0].Parts[i].Name] = [.. points.Select(p => p.Parts[i].Value)];
    }

    private IEnumerable<TrainingPoint> Restore()
    {
        if (!checkpoint.Histories.TryGetValue("epoch", out var epochs)) return [];
        var (loss, rate) = (checkpoint.Histories["loss"], checkpoint.Histories["rate"]);
        var parts = checkpoint.Histories.Where(history => history.Key.StartsWith(Part, StringComparison.Ordinal)).ToList();
        return epochs.Select((epoch, k) =>
            new TrainingPoint(epoch, loss[k], [.. parts.Select(part => (part.Key[Part.Length..], part.Value[k]))], rate[k]));
    }

    private static TrainingPoint Mean(List<TrainingPoint> some) => new(some[^1].Epoch, some.Average(p => p.Loss),
        [.. some[0].Parts.Select((part, i) => (part.Name, some.Average(p => p.Parts[i].Value)))], some[^1].LearningRate);
}
