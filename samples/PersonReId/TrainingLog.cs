using System.Diagnostics;
using System.Globalization;
using MetricLearning;

namespace PersonReId;

/// <summary>Follows training: a bar while an epoch runs, a line when it ends, and the points of the report's curves.</summary>
/// <remarks>The points are part of the checkpoint, so that the curves of a resumed run are whole.</remarks>
internal sealed class TrainingLog
{
    private const string Part = "loss: ";
    private readonly Stopwatch clock = Stopwatch.StartNew();
    private readonly TrainingSettings settings;
    private readonly Sampler sampler;
    private readonly TrainingCheckpoint checkpoint;
    private readonly List<TrainingPoint> points;
    private readonly List<TrainingPoint> chunk = [];
    private readonly List<TrainingPoint> epoch = [];
    private readonly int chunkSize;
    private readonly double start;

    public TrainingLog(TrainingSettings settings, Sampler sampler, TrainingCheckpoint checkpoint)
    {
        (this.settings, this.sampler, this.checkpoint) = (settings, sampler, checkpoint);
        chunkSize = Math.Max(1, sampler.BatchesPerEpoch * settings.Epochs / 120);
        start = Now;
        points = [.. Restore()];
    }

    /// <summary>The curves.</summary>
    public IReadOnlyList<TrainingPoint> Points => points;

    private double Now => sampler.State.Epoch + (double)sampler.State.Position / sampler.Count;

    /// <summary>The same batches, with a bar while they pass and a line at the end.</summary>
    public IEnumerable<T> Follow<T>(IEnumerable<T> batches)
    {
        var (number, count, first, images) = (sampler.State.Epoch + 1, sampler.BatchesPerEpoch, sampler.State.Position / sampler.BatchSize,
            0L);
        var watch = Stopwatch.StartNew();
        epoch.Clear();
        using (var bar = new Bar($"epoch {number}/{settings.Epochs}", count))
            foreach (var batch in batches)
            {
                yield return batch;
                images += sampler.BatchSize;
                bar.To(first + images / sampler.BatchSize, string.Create(CultureInfo.InvariantCulture, $"loss {epoch[^1].Loss:0.000}"));
            }
        if (epoch.Count == 0) yield break;
        Flush();
        var mean = Mean(epoch);
        var left = clock.Elapsed * ((settings.Epochs - number) / Math.Max(1e-9, number - start));
        var parts = string.Join(", ",
            mean.Parts.Select(part => string.Create(CultureInfo.InvariantCulture, $"{part.Name} {part.Value:0.000}")));
        Ui.Line(string.Create(CultureInfo.InvariantCulture, $"epoch {number,3}/{settings.Epochs}  loss {mean.Loss:0.000} ({parts})")
            + string.Create(CultureInfo.InvariantCulture,
                $"  rate {mean.LearningRate:0.0e-0}  {images / watch.Elapsed.TotalSeconds:0} images/s")
            + $"  {Ui.Time(left)} left");
    }

    /// <summary>What one step gave.</summary>
    public void Add(LossSumResult result, double learningRate)
    {
        // The sampler already stands behind this batch; at the end of an epoch that is the start of the next.
        var point = new TrainingPoint(Now, result.Parts.Sum(part => part.Weight * part.Value),
            [.. result.Parts.Select(part => (part.Name, part.Value))], learningRate);
        if (!double.IsFinite(point.Loss)) throw new UserErrorException(
            $"The loss became {point.Loss} in epoch {Now:0.0}: try a smaller --lr.");
        epoch.Add(point);
        chunk.Add(point);
        if (chunk.Count == chunkSize) Flush();
    }

    private void Flush()
    {
        if (chunk.Count == 0) return;
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
