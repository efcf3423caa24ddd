using System.Diagnostics;
using System.Globalization;
using MetricLearning;
using MetricLearning.Vision;
using TorchSharp;

namespace PersonReId;

/// <summary>Evaluates a network, trains it, evaluates it again, and writes what came of it.</summary>
internal static class Experiment
{
    public static void Run(DataSource source, TrainingSettings settings, CancellationToken cancel)
    {
        var data = source.Open();
        Check(data, settings);
        torch.manual_seed((long)settings.Seed);
        settings.Output.Create();
        Ui.Heading("Data");
        Ui.Table(DataSource.Statistics(data));
        using var model = Networks.Create(settings.Network, data.Train.ClassCount);
        long[] shape = [1, model.Backbone.ImageChannels, settings.Network.Height, settings.Network.Width];
        var summary = ModelSummary.Of(model, shape).ToString();
        Ui.Heading("Network");
        Ui.Line(ModelSummary.Of(model, shape, depth: 2).ToString());

        var judged = settings.EvaluateEvery > 0;
        var queries = Evaluation.SomeQueries(data, 6, settings.Seed);
        List<Snapshot> snapshots = [];
        List<RetrievalReport> reports = [];
        List<(double, Figures)> progress = [];
        if (judged) Judge("before training");

        Ui.Heading("Training");
        var clock = Stopwatch.StartNew();
        var log = Train();
        var minutes = Ui.Time(clock.Elapsed);
        Ui.Line($"trained in {minutes}");

        IReadOnlyList<string[]> comparison = [];
        if (judged)
        {
            Ui.Heading("Before and after");
            Ui.Table(Figures.Table(snapshots.Select(s => (s.Name, s.Figures))));
            comparison = Comparison.Table(("before", reports[0]), ("after", reports[^1]),
                [.. data.Query.Select(sample => sample.Identity)]);
            Ui.Line();
            Ui.Table(comparison);
            Ui.Line(Comparison.Note);
        }
        var page = Path.Combine(settings.Output.FullName, "report.html");
        HtmlReport.Write(page, new ReportData
        {
            Title = "Before and after training",
            Lead = $"{settings.Network.Architecture} at {settings.Network.Height} × {settings.Network.Width} pixels, trained for "
                + $"{settings.Epochs} epochs "
                + $"on {data.Train.Statistics.Identities} identities of {source.Name}, tested on {data.Query.Statistics.Identities} that "
                    + $"it had never seen.",
            Rules = Evaluation.RulesOf(data.Protocol),
            PictureRatio = (double)settings.Network.Width / settings.Network.Height,
            Snapshots = snapshots,
            Comparison = comparison,
            ComparisonNote = Comparison.Note,
            Training = log.Points,
            Progress = progress,
            SamplePictures = Evaluation.SamplePictures(data.Train),
            DataStatistics = DataSource.Statistics(data),
            Settings = [.. SettingsOf(settings), ("training time", minutes)],
            ModelSummary = summary,
        });
        Ui.Line($"\nreport:     {page}");
        foreach (var name in new[] { TrainingCheckpoint.BestFile, TrainingCheckpoint.LastFile })
            if (Path.Combine(settings.Output.FullName, name) is var file && File.Exists(file)) Ui.Line($"checkpoint: {file}");

        TrainingLog Train()
        {
            try
            {
                return TrainingLoop.Run(model, data.Train, settings, AfterEpoch, cancel);
            }
            catch (OperationCanceledException)
            {
                Ui.Line($"\nThe checkpoint {Path.Combine(settings.Output.FullName, TrainingCheckpoint.LastFile)} is whole. To go on:");
                Ui.Line($"  PersonReId {settings.ResumeCommand(source)}");
                throw;
            }
        }

        // What to keep as the best checkpoint: mAP, at the epochs that evaluate.
        double? AfterEpoch(int epoch)
        {
            if (!judged || (epoch < settings.Epochs && epoch % settings.EvaluateEvery != 0)) return null;
            if (epoch == settings.Epochs) return Judge("after training").MAP;
            var figures = Figures.Of(Evaluation.Evaluate(model, data, settings.Network, settings.Distance, cancel));
            return Note($"epoch {epoch}", epoch, figures).MAP;
        }

        Figures Judge(string name)
        {
            var (snapshot, report) = Evaluation.Snapshot(name, model, data, settings.Network, settings.Distance, queries, cancel);
            snapshots.Add(snapshot);
            reports.Add(report);
            return Note(name, snapshots.Count == 1 ? 0 : settings.Epochs, snapshot.Figures);
        }

        Figures Note(string name, double epoch, Figures figures)
        {
            progress.Add((epoch, figures));
            Ui.Line($"{name}: rank-1 {Ui.Percent(figures.Rank1)} %, mAP {Ui.Percent(figures.MAP)} %");
            return figures;
        }
    }

    private static void Check(ReIdDataset data, TrainingSettings settings)
    {
        if (data.Train.ClassCount < settings.IdentitiesPerBatch)
            throw new UserErrorException(
                $"--batch asks for {settings.IdentitiesPerBatch} identities a batch, but the training set has {data.Train.ClassCount}.");
        var last = Path.Combine(settings.Output.FullName, TrainingCheckpoint.LastFile);
        if (settings.Resume && !File.Exists(last)) throw new UserErrorException($"There is nothing to resume: no checkpoint {last}.");
    }

    private static IReadOnlyList<(string, string)> SettingsOf(TrainingSettings s) =>
    [
        ("network", s.Network.Architecture), ("weights to start from", s.Network.Weights?.Name ?? "none, from scratch"),
        ("picture size", $"{s.Network.Height} × {s.Network.Width}"), ("device", Networks.DeviceOf(s.Network).ToString()),
        ("batch", $"{s.IdentitiesPerBatch} identities × {s.ImagesPerIdentity} pictures"), ("epochs", $"{s.Epochs}"),
        ("optimizer", "Adam, weight decay 5e-4"), ("learning rate", N(s.LearningRate)),
        ("divided by 10 after epochs", string.Join(", ", s.Milestones)),
        ("warm-up", $"{s.WarmUp} epochs"),
        ("triplet loss", $"batch hard, margin {N(s.Margin)}, {(s.Normalize ? "features of length one" : "features as they are")}"),
        ("identity loss", $"cross entropy, label smoothing {N(s.Smoothing)}"), ("random erasing", N(s.Erasing)),
        ("ranking", ReferenceEquals(s.Distance, Distance.Cosine) ? "cosine distance" : "Euclidean distance"), ("seed", $"{s.Seed}"),
    ];

    private static string N(double value) => value.ToString("0.#####", CultureInfo.InvariantCulture);
}
