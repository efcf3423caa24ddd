namespace PersonReId;

/// <summary>Trains a network, compares it before and after, and writes the report.</summary>
internal static class Experiment
{
    /// <summary>Runs a training, or the rest of one that was stopped.</summary>
    /// <param name="settings">The recipe, and the folder of the run.</param>
    /// <param name="source">The dataset.</param>
    /// <param name="prepare">Makes the dataset if it may be missing. It is not called if the run is finished.</param>
    /// <param name="cancellationToken">Stops the run. The program prints how to continue it.</param>
    /// <returns>Whether there was something to do.</returns>
    public static bool Run(TrainingSettings settings, DataSource source, Action? prepare, CancellationToken cancellationToken)
    {
        Outputs.Check(settings.Output);
        var folder = settings.Folder;
        folder.Check(settings.Start);
        if (settings.Start == RunStart.Overwrite)
            folder.CheckKeeps(("--weights", settings.Network.Weights), ("--teacher", settings.Teacher?.File));
        if (settings.Start == RunStart.Resume)
        {
            RunRecord.CheckSettings(source, settings);
            if (folder.IsFinished)
            {
                Ui.Line($"The run in {folder.Name} is finished. Its report is {folder.Report}. Nothing was changed.");
                return false;
            }
        }
        using var use = new FolderLock(folder.Name, "--output");
        prepare?.Invoke();      // if it is stopped, there is no checkpoint yet
        try
        {
            var record = TrainingLoop.Run(source, settings, cancellationToken);
            Ui.Line($"trained in {Ui.Time(record.TrainingTime)}");
            WriteReport(record, Compare(record, cancellationToken));
            foreach (var file in new[] { folder.Best, folder.Last })
                if (File.Exists(file)) Ui.Line($"checkpoint: {file}");
            return true;
        }
        catch (OperationCanceledException)
        {
            Ui.Line($"\nThe checkpoint {folder.Last} is whole. To go on:");
            Ui.Line($"  {settings.ResumeCommand(source, settings.Command(source))}");
            throw;
        }
    }

    /// <summary>Prints the figures of both moments and the confidence intervals of their difference, if the run was evaluated.</summary>
    private static IReadOnlyList<string[]> Compare(RunRecord record, CancellationToken cancellationToken)
    {
        if (record.Evaluations is not [var before, var after]) return [];
        Ui.Heading("Before and after");
        Ui.Table(Figures.Table(new[] { before.Snapshot, after.Snapshot }.Select(shot => (shot.Name, shot.Figures))));
        var comparison = Comparison.Table(("before", before.PerQuery), ("after", after.PerQuery),
            [.. record.Data.Query.Select(sample => sample.Identity)], cancellationToken);
        Ui.Line();
        Ui.Table(comparison);
        Ui.Line(Comparison.Note);
        return comparison;
    }

    private static void WriteReport(RunRecord record, IReadOnlyList<string[]> comparison)
    {
        var (settings, data) = (record.Settings, record.Data);
        var network = settings.Network;
        var page = settings.Folder.Report;
        HtmlReport.Write(page, new ReportData
        {
            Title = "Before and after training",
            Lead = $"{network.Architecture} at {network.Height} × {network.Width} pixels, trained for {settings.Epochs} epochs "
                + $"on {data.Train.Statistics.Identities} identities of {record.Source.Name}, tested on "
                + $"{data.Query.Statistics.Identities} that it had never seen.",
            Rules = Evaluation.RulesOf(data.Protocol),
            PictureRatio = (double)network.Width / network.Height,
            Snapshots = [.. record.Evaluations.Select(evaluation => evaluation.Snapshot)],
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
        ("recipe", $"{s.Recipe.Name}: {s.Recipe.Source}"), ("recipe fingerprint", s.Recipe.Fingerprint()),
        ("weights to start from", s.Network.ImageNet ? "ImageNet" : s.Network.Weights?.Name ?? "none, from scratch"),
        ("teacher", s.Teacher is { } teacher ? FormattableString.Invariant($"{teacher.File.Name}, weight {teacher.Weight}") : "none"),
        ("device", Networks.DeviceOf(s.Network).ToString()), .. s.Recipe.Lines(), ("seed", $"{s.Seed}"),
    ];
}
