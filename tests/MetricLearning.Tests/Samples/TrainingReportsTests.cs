extern alias sample;

using System.Diagnostics.Metrics;
using System.Text.Json;
using MetricLearning.Testing;
using sample::PersonReId;
using static TorchSharp.torch;

namespace MetricLearning.Tests;

/// <summary>Tests what the sample PersonReId reports to other programs while it trains.</summary>
[Collection(SmallRun.Tests.Name)]
[LeavesNoTensors]
public class TrainingReportsTests(SmallRun run)
{
    [Fact]
    public void TheLog_HasALineOfJsonForEachThingThatHappens()
    {
        var (code, output, error) = SampleProgram.Run("PersonReId", run.Train(run.NewFolder(), "--log-json"));
        Assert.True(code == 0, error);
        var entries = error.Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Select(line => JsonDocument.Parse(line).RootElement).ToList();
        Assert.Equal(["Started", "Evaluated", "EpochEnded", "Evaluated", "EpochEnded", "Evaluated"], entries.Select(Name));
        var epoch = entries[2].GetProperty("State");
        Assert.Equal(1, epoch.GetProperty("Epoch").GetInt32());
        Assert.True(epoch.GetProperty("Loss").GetDouble() > 0);
        Assert.InRange(entries[^1].GetProperty("State").GetProperty("MeanAveragePrecision").GetDouble(), 0, 1);
        Assert.Contains("epoch   1/2", output, StringComparison.Ordinal);       // the lines for people are still printed

        string Name(JsonElement entry) => entry.GetProperty("Message").GetString()![..3] switch
        {
            "Tra" => "Started", "Epo" => "EpochEnded", "Aft" => "Evaluated", var other => other,
        };
    }

    /// <summary>A student learns from the features that extract wrote, and a file of other images is refused.</summary>
    [Fact]
    public void ATeacher_IsAPartOfTheLoss()
    {
        var folder = Directory.CreateDirectory(run.NewFolder()).FullName;
        var (features, wrong) = (Path.Combine(folder, "train.npz"), Path.Combine(folder, "query.npz"));
        foreach (var (set, file) in new[] { ("train", features), ("query", wrong) })
            SmallRun.Finish("extract", "--data", run.Data, "--set", set, "--output", file, "--weights",
                Path.Combine(run.Whole, TrainingCheckpoint.BestFile), "--device", "cpu", "--workers", "1");
        var taught = run.NewFolder();
        var output = SmallRun.Finish(run.Train(taught, "--teacher", features, "--teacher-weight", "0.5"));
        Assert.Contains(", teacher 0.", output, StringComparison.Ordinal);
        Assert.NotEqual(SmallRun.WeightsOf(run.Whole), SmallRun.WeightsOf(taught));
        Assert.Contains("train.npz, weight 0.5", File.ReadAllText(Path.Combine(taught, "report.html")), StringComparison.Ordinal);
        var broken = Path.Combine(folder, "broken.npz");
        using (var parts = FeatureFile.Read(features))
        {
            var part = parts.Find("train")!;
            using (var row = part.Set.Features[2]) row.fill_(double.NaN);
            FeatureFile.Write(broken, [("train", part.Set, part.Files!)]);
        }
        Assert.Matches("broken.npz: the features of bounding_box_train/[^ ]+ are NaN or infinite",
            SmallRun.Run(run.Train(run.NewFolder(), "--teacher", broken)).Output);
        // A run learns from one teacher: a file of the same name with other features is not that of the run.
        File.Delete(Path.Combine(taught, "report.html"));
        SmallRun.Finish("extract", "--data", run.Data, "--set", "train", "--output", features, "--flip", "--weights",
            Path.Combine(run.Whole, TrainingCheckpoint.BestFile), "--device", "cpu", "--workers", "1");
        var (code, refusal) = SmallRun.Run(run.Train(taught, "--teacher", features, "--teacher-weight", "0.5", "--resume"));
        Assert.Equal(1, code);
        Assert.Contains($"begun with other features than those in {features}", refusal, StringComparison.Ordinal);
        Assert.Contains("has no features of training images", SmallRun.Run(run.Train(run.NewFolder(), "--teacher", wrong)).Output,
            StringComparison.Ordinal);
    }

    /// <summary>The rate that a run reports for a step is the one with which the step was made.</summary>
    [Fact]
    public void TheReportedRate_IsThatOfTheStep()
    {
        var (text, tensors) = CheckpointFile.Read(Path.Combine(run.Whole, TrainingCheckpoint.LastFile));
        tensors.Dispose();
        var (epochs, rates) = (text.Histories["epoch"], text.Histories["rate"]);
        var steps = (int)Math.Round(1 / epochs[0]);     // of the first epoch; each step has a point in so short a run
        Assert.Equal(Enumerable.Range(0, rates.Count).Select(step => 0.003 * Math.Min(1, 0.1 + 0.9 * step / steps)), rates,
            (expected, actual) => Math.Abs(expected - actual) < 1e-15);
    }

    [Fact]
    public void TheMeter_HasWhatAStepGave()
    {
        var seen = new Dictionary<string, double>();
        using var listener = new MeterListener();
        listener.InstrumentPublished = (instrument, to) =>
        {
            if (instrument.Meter.Name == TrainingMeasures.MeterName) to.EnableMeasurementEvents(instrument);
        };
        listener.SetMeasurementEventCallback<double>((instrument, value, tags, _) =>
            seen[instrument.Name[21..] + string.Concat(tags.ToArray().Select(tag => $" {tag.Value}"))] = value);
        listener.SetMeasurementEventCallback<long>((instrument, value, _, _) => seen[instrument.Name[21..]] = value);
        listener.Start();

        using var scope = NewDisposeScope();
        using var losses = new LossSum().Add("triplet", new TripletLoss()).Add("contrastive", new ContrastiveLoss(), weight: 0.5);
        var result = losses.Compute(rand(4, 3), tensor([0L, 0, 1, 1]));
        using (var measures = new TrainingMeasures())
            measures.Step(result, 4, TimeSpan.FromSeconds(0.25), 0.001, 1.5);
        Assert.Equal(4, seen["images"]);
        Assert.Equal(0.25, seen["step"]);
        Assert.Equal((0.001, 1.5), (seen["learning_rate"], seen["epoch"]));
        foreach (var part in result.Parts)
        {
            Assert.Equal(part.Value, seen[$"loss {part.Name}"]);
            Assert.Equal(part.Report!.ActiveFraction, seen[$"active_fraction {part.Name}"]);
        }
    }
}
