using System.CommandLine;
using System.Text.Json;
using PersonReId.Report;

namespace PersonReId.Commands;

/// <summary><c>evaluate</c>: the figures of a network on query and gallery.</summary>
internal static class EvaluateCommand
{
    private static readonly JsonSerializerOptions layout = new() { WriteIndented = true };

    public static Command Create()
    {
        var command = new Command("evaluate", "Prints rank-k, mAP and mINP of a network on query and gallery");
        var data = new DataOption(command);
        var network = new NetworkOptions(command, weightsRequired: true);
        var views = new ViewOptions(command);
        var distance = new DistanceOption(command, "euclidean");
        var json = new Option<FileInfo?>("--json")
        {
            Description = "Also writes the figures, as shares in [0, 1], to a file",
            HelpName = "FILE",
        };
        command.Add(json);
        command.SetAction((result, cancel) => Task.FromResult(Run(data.Read(result), views.Read(result, network.Read(result)), distance.Read(result), result.GetValue(json), cancel)));
        return command;
    }

    private static int Run(DataSource source, NetworkSettings settings, MetricLearning.Distance distance, FileInfo? json, CancellationToken cancel)
    {
        var data = source.Open(testOnly: true);
        Ui.Table(DataSource.Statistics(data));
        using var model = Networks.Create(settings);
        var report = Evaluation.Evaluate(model, data, settings, distance, cancel);
        var figures = Evaluation.FiguresOf(report);
        Ui.Line();
        Ui.Table(Evaluation.Table((settings.Architecture, figures)));
        if (report.SkippedQueries > 0) Ui.Line(report.Explanation);
        if (json is not null) Write(json, figures);
        return 0;
    }

    private static void Write(FileInfo file, Figures f)
    {
        file.Directory?.Create();
        File.WriteAllText(file.FullName, JsonSerializer.Serialize(new
        {
            mAP = f.MAP,
            mAP_trapezoid = f.MAPTrapezoid,
            mINP = f.MINP,
            rank1 = f.Rank1,
            rank5 = f.Rank5,
            rank10 = f.Rank10,
            validQueries = f.ValidQueries,
        }, layout) + "\n");
    }
}
