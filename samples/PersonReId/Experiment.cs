using System.Globalization;
using MetricLearning;

namespace PersonReId;

/// <summary>Trains a network, compares it before and after, and writes the report.</summary>
internal static class Experiment
{
    public static void Run(DataSource source, TrainingSettings settings, CancellationToken cancellationToken)
    {
        var record = TrainingLoop.Run(source, settings, cancellationToken);
        Ui.Line($"trained in {Ui.Time(record.TrainingTime)}");
        var comparison = Compare(record);
        WriteReport(record, comparison);
        foreach (var name in new[] { TrainingCheckpoint.BestFile, TrainingCheckpoint.LastFile })
            if (Path.Combine(settings.Output.FullName, name) is var file && File.Exists(file)) Ui.Line($"checkpoint: {file}");
    }

    /// <summary>Prints both moments and how sure their difference is, where the run was evaluated.</summary>
    private static IReadOnlyList<string[]> Compare(RunRecord record)
    {
        if (record.Reports is not [var before, var after]) return [];
        Ui.Heading("Before and after");
        Ui.Table(Figures.Table(record.Snapshots.Select(snapshot => (snapshot.Name, snapshot.Figures))));
        var comparison = Comparison.Table(("before", before), ("after", after), [.. record.Data.Query.Select(sample => sample.Identity)]);
        Ui.Line();
        Ui.Table(comparison);
        Ui.Line(Comparison.Note);
        return comparison;
    }

    private static void WriteReport(RunRecord record, IReadOnlyList<string[]> comparison)
    {
        var (settings, data) = (record.Settings, record.Data);
        var network = settings.Network;
        var page = Path.Combine(settings.Output.FullName, "report.html");
        HtmlReport.Write(page, new ReportData
        {
            Title = "Before and after training",
            Lead = $"{network.Architecture} at {network.Height} × {network.Width} pixels, trained for {settings.Epochs} epochs "
                + $"on {data.Train.Statistics.Identities} identities of {record.Source.Name}, tested on "
                + $"{data.Query.Statistics.Identities} that it had never seen.",
            Rules = Evaluation.RulesOf(data.Protocol),
            PictureRatio = (double)network.Width / network.Height,
            Snapshots = record.Snapshots,
            Comparison = comparison,
            ComparisonNote = Comparison.Note,
            Training = record.Curves,
            Progress = record.Progress,
            SamplePictures = Evaluation.SamplePictures(data.Train),
            DataStatistics = DataSource.Statistics(data),
            Settings = [.. SettingsOf(settings), ("training time", Ui.Time(record.TrainingTime))],
            ModelSummary = record.ModelSummary,
        });
        Ui.Line($"\nreport:     {page}");
    }

    private static IReadOnlyList<(string, string)> SettingsOf(TrainingSettings s) =>
    [
        ("network", s.Network.Architecture), ("weights to start from", s.Network.Weights?.Name ?? "none, from scratch"),
        ("image size", $"{s.Network.Height} × {s.Network.Width}"), ("device", Networks.DeviceOf(s.Network).ToString()),
        ("batch", $"{s.IdentitiesPerBatch} identities × {s.ImagesPerIdentity} images"), ("epochs", $"{s.Epochs}"),
        ("optimizer", "Adam, weight decay 5e-4"), ("learning rate", N(s.LearningRate)),
        ("divided by 10 after epochs", string.Join(", ", s.Milestones)),
        ("warm-up", $"{s.WarmUp} epochs"),
        ("triplet loss", $"batch hard, margin {N(s.Margin)}, {(s.Normalize ? "features of length one" : "features as they are")}"),
        ("identity loss", $"cross entropy, label smoothing {N(s.Smoothing)}"), ("random erasing", N(s.Erasing)),
        ("ranking", ReferenceEquals(s.Distance, Distance.Cosine) ? "cosine distance" : "Euclidean distance"), ("seed", $"{s.Seed}"),
    ];

    private static string N(double value) => value.ToString("0.#####", CultureInfo.InvariantCulture);
}
