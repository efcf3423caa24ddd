using System.Diagnostics;
using System.Globalization;
using MetricLearning;
using Microsoft.Extensions.Logging;

namespace PersonReId;

/// <summary>Follows training: a bar while an epoch runs, a line when it ends, and the points of the report's curves.</summary>
/// <remarks>The points, and the sums of steps that make the next ones, are part of the checkpoint. So the curves of a resumed run are those
/// of a run without a break.</remarks>
internal sealed class TrainingLog : IDisposable
{
    private const string Part = "loss: ";
    private const int Points = 120;    // of each curve
    private readonly Stopwatch clock = Stopwatch.StartNew();
    private readonly Stopwatch epochClock = new();
    private readonly Stopwatch stepClock = new();
    private readonly TrainingMeasures measures = new();
    private readonly RunRecord record;
    private readonly Sampler sampler;
    private readonly TrainingCheckpoint checkpoint;
    private readonly List<TrainingPoint> points;
    private readonly StepSum chunk;    // the steps that make the next point of the curves
    private readonly StepSum epoch;    // the steps of the current epoch
    private readonly TimeSpan earlierTime;
    private readonly int chunkSize;
    private readonly double start;
    private int steps;      // steps of the current epoch in this process
    private Bar? bar;

    public TrainingLog(RunRecord record, Sampler sampler, TrainingCheckpoint checkpoint)
    {
        Ui.Heading("Training");
        (this.record, this.sampler, this.checkpoint) = (record, sampler, checkpoint);
        chunkSize = Math.Max(1, sampler.BatchesPerEpoch * Epochs / Points);
        (start, earlierTime, points) = (Now, record.TrainingTime, [.. Restore()]);
        (chunk, epoch) = (new StepSum(checkpoint, "steps of the next point"), new StepSum(checkpoint, "steps of the epoch"));
        record.Curves = points;
        TrainingEvents.Started(Log, record.Settings.Recipe.Name, record.Settings.Recipe.Fingerprint(), start, Epochs);
        if (start > 0) Ui.Line(string.Create(CultureInfo.InvariantCulture, $"resumed after {start:0.##} epochs"));
    }

    private ILogger Log => record.Settings.Log;

    private int Epochs => record.Settings.Epochs;

    private double Now => sampler.State.Epoch + (double)sampler.State.Position / sampler.Count;

    public void StartEpoch()
    {
        steps = 0;
        epochClock.Restart();
        stepClock.Restart();
        bar = new Bar($"epoch {sampler.State.Epoch + 1}/{Epochs}", sampler.BatchesPerEpoch);
    }

    /// <summary>Adds the losses of one step. The sampler's position is already after this step; at the end of an epoch it is the start of
    /// the next.</summary>
    public void Add(LossSumResult result, double learningRate)
    {
        var point = new TrainingPoint(Now, result.Parts.Sum(part => part.Weight * part.Value),
            [.. result.Parts.Select(part => (part.Name, part.Value))], learningRate);
        if (!double.IsFinite(point.Loss))
            throw new UserErrorException($"The loss became {point.Loss} in epoch {Now:0.0}: try a smaller --lr.");
        steps++;
        measures.Step(result, sampler.BatchSize, stepClock.Elapsed, learningRate, point.Epoch);
        stepClock.Restart();
        chunk.Add(point);
        epoch.Add(point);
        bar?.To(epoch.Count, string.Create(CultureInfo.InvariantCulture, $"loss {point.Loss:0.000}"));
        var endsEpoch = sampler.State.Position == 0;
        if (chunk.Count == chunkSize || endsEpoch) AddToCurves(chunk.Take(point));
        if (endsEpoch) EndEpoch(epoch.Take(point));
        record.TrainingTime = earlierTime + clock.Elapsed;
    }

    /// <summary>Ends the progress bar of an epoch that was left early, and adds its time.</summary>
    public void Dispose()
    {
        bar?.Dispose();
        measures.Dispose();
        record.TrainingTime = earlierTime + clock.Elapsed;
    }

    private void EndEpoch(TrainingPoint mean)
    {
        bar?.Dispose();
        var number = sampler.State.Epoch;
        var speed = steps * sampler.BatchSize / epochClock.Elapsed.TotalSeconds;
        var left = clock.Elapsed * ((Epochs - number) / Math.Max(1e-9, number - start));
        var parts = string.Join(", ",
            mean.Parts.Select(part => string.Create(CultureInfo.InvariantCulture, $"{part.Name} {part.Value:0.000}")));
        Ui.Line(string.Create(CultureInfo.InvariantCulture, $"epoch {number,3}/{Epochs}  loss {mean.Loss:0.000} ({parts})")
            + string.Create(CultureInfo.InvariantCulture, $"  rate {mean.LearningRate:0.0e-0}  {speed:0} images/s")
            + $"  {Ui.Time(left)} left");
        TrainingEvents.EpochEnded(Log, number, mean.Loss, mean.LearningRate, speed);
    }

    private void AddToCurves(TrainingPoint point)
    {
        points.Add(point);
        checkpoint.Histories["epoch"] = [.. points.Select(p => p.Epoch)];
        checkpoint.Histories["loss"] = [.. points.Select(p => p.Loss)];
        checkpoint.Histories["rate"] = [.. points.Select(p => p.LearningRate)];
        for (var i = 0; i < point.Parts.Count; i++)
            checkpoint.Histories[Part + point.Parts[i].Name] = [.. points.Select(p => p.Parts[i].Value)];
    }

    private IEnumerable<TrainingPoint> Restore()
    {
        if (!checkpoint.Histories.TryGetValue("epoch", out var epochs)) return [];
        var (loss, rate) = (checkpoint.Histories["loss"], checkpoint.Histories["rate"]);
        var parts = checkpoint.Histories.Where(history => history.Key.StartsWith(Part, StringComparison.Ordinal)).ToList();
        return epochs.Select((epoch, k) =>
            new TrainingPoint(epoch, loss[k], [.. parts.Select(part => (part.Key[Part.Length..], part.Value[k]))], rate[k]));
    }

    /// <summary>Sums the losses of steps. The checkpoint keeps their count, the sum, and the sums of the parts as a history.</summary>
    private sealed class StepSum(TrainingCheckpoint checkpoint, string name)
    {
        private double[] sums = checkpoint.Histories.TryGetValue(name, out var saved) ? [.. saved] : [];

        public int Count => sums.Length == 0 ? 0 : (int)sums[0];

        public void Add(TrainingPoint step)
        {
            double[] values = [1, step.Loss, .. step.Parts.Select(part => part.Value)];
            sums = sums.Length == 0 ? values : [.. sums.Zip(values, (sum, value) => sum + value)];
            checkpoint.Histories[name] = sums;
        }

        /// <summary>Returns the mean of the steps, at the moment of the last step, and resets the sum.</summary>
        public TrainingPoint Take(TrainingPoint last)
        {
            var mean = last with
            {
                Loss = sums[1] / sums[0],
                Parts = [.. last.Parts.Select((part, i) => (part.Name, sums[2 + i] / sums[0]))],
            };
            checkpoint.Histories[name] = sums = [];
            return mean;
        }
    }
}
