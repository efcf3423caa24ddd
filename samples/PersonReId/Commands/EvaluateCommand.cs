using System.CommandLine;

namespace PersonReId.Commands;

/// <summary><c>evaluate</c>: the figures of a network on query and gallery.</summary>
internal static class EvaluateCommand
{
    public static Command Create()
    {
        var command = new Command("evaluate", "Prints rank-k, mAP and mINP of a network on query and gallery");
        var data = new DataOption(command);
        var network = new NetworkOptions(command, weightsRequired: true);
        var views = new ViewOptions(command);
        var distance = new DistanceOption(command, "euclidean");
        var json = new Option<FileInfo?>("--json")
        {
            Description = "Writes the figures, as shares in [0, 1], to this file as well",
            HelpName = "FILE",
        };
        command.Add(json);
        command.SetAction((result, cancellationToken) =>
        {
            var settings = views.Read(result, network.Read(result));
            return Task.FromResult(Run(data.Read(result), settings, distance.Read(result, settings), result.GetValue(json),
                cancellationToken));
        });
        return command;
    }

    private static int Run(DataSource source, NetworkSettings settings, MetricLearning.Distance distance, FileInfo? json,
        CancellationToken cancellationToken)
    {
        Outputs.Check(json);
        var data = source.Open(testOnly: true);
        Ui.Table(DataSource.Statistics(data));
        using var model = Networks.Create(settings);
        var report = Evaluation.Evaluate(model, data, settings, distance, cancellationToken);
        var figures = Figures.Of(report);
        Ui.Line();
        Ui.Table(Figures.Table((settings.Architecture, figures)));
        if (report.SkippedQueries > 0) Ui.Line(report.Explanation);
        if (json is not null) Figures.Write(json, figures.ToJson());
        return 0;
    }
}
