using System.CommandLine;
using MetricLearning;

namespace PersonReId.Commands;

/// <summary><c>rank</c>: writes a page of ranked lists.</summary>
internal static class RankCommand
{
    public static Command Create()
    {
        var command = new Command("rank", "Writes an HTML page of ranked lists: queries and the gallery images nearest to them");
        var data = new DataOption(command);
        var network = new NetworkOptions(command, weightsRequired: true);
        var distance = new DistanceOption(command);
        var queries = new Option<string[]>("--queries")
        {
            Description = "File names of queries, or the ends of their paths; without them --count are drawn at random",
            HelpName = "NAME ...",
            AllowMultipleArgumentsPerToken = true,
        };
        var count = new Option<int>("--count") { Description = "How many queries to draw", HelpName = "N", DefaultValueFactory = _ => 12 };
        var seed = new Option<ulong>("--seed") { Description = "Seed of the draw", DefaultValueFactory = _ => 1 };
        var top = new Option<int>("--top")
        {
            Description = "How many gallery images a list has",
            HelpName = "N",
            DefaultValueFactory = _ => 10,
        };
        var output = new Option<FileInfo>("--output")
        {
            Description = "The page",
            HelpName = "FILE",
            DefaultValueFactory = _ => new FileInfo("ranked-lists.html"),
        };
        CheckOptions.Positive(count, top);
        queries.Validators.Add(result =>
        {
            if (result.Tokens.Any(token => token.Value.Length == 0)) result.AddError("--queries takes file names, got ''.");
        });
        foreach (var option in new Option[] { count, seed })
            CheckOptions.Useless(command, option, result => CheckOptions.IsGiven(result, queries),
                $"{option.Name} is for queries that are drawn, and --queries names them.");
        foreach (var option in new Option[] { queries, count, seed, top, output }) command.Add(option);
        command.SetAction((result, cancellationToken) =>
        {
            var settings = network.Read(result);
            return Task.FromResult(Run(data.Read(result), settings, distance.Read(result, settings), result.GetValue(queries) ?? [],
                result.GetValue(count), result.GetValue(seed), result.GetValue(top), result.GetRequiredValue(output), cancellationToken));
        });
        return command;
    }

    /// <summary>Whether a name means a file: it is the file's path, or the end of it.</summary>
    private static bool IsNamed(string path, string name) =>
        path == Path.GetFullPath(name) || $"/{path}".Replace('\\', '/').EndsWith($"/{name.Replace('\\', '/')}", StringComparison.Ordinal);

    private static int Run(DataSource source, NetworkSettings settings, Distance distance, string[] names, int count, ulong seed, int top,
        FileInfo output, CancellationToken cancellationToken)
    {
        Outputs.Check(output);
        Outputs.CheckApart([("--output", output)], [settings.Weights!.FullName, source.List]);
        var data = source.Open(testOnly: true);
        IReadOnlyList<int> rows = names.Length == 0 ? Evaluation.SomeQueries(data, count, seed) : [.. names.Select(Row)];
        using var model = Networks.Create(settings);
        var (query, gallery) = Evaluation.ExtractTest(model, data, settings, cancellationToken);
        using var ofQuery = query;
        using var ofGallery = gallery;
        var report = Evaluation.Evaluator(data, distance).Evaluate(query, gallery, cancellationToken: cancellationToken);
        var figures = Figures.Of(report);
        HtmlReport.Write(output.FullName, new ReportData
        {
            Title = "Ranked lists",
            Lead = $"{settings.Architecture} with {settings.Weights!.Name} on {source.Name}: {rows.Count} of {data.Query.Count} "
                + $"queries{(names.Length == 0 ? ", drawn at random" : "")}.",
            Snapshots = [new Snapshot
            {
                Name = settings.Architecture,
                Figures = figures,
                Cmc = [],
                Distances = new DistanceHistogram(0, 1, [], []),
                Projection = [],
                Rankings = Evaluation.Rankings(query, gallery, data, distance, rows, top, cancellationToken),
                Activations = Activation.Of(model, [.. rows.Select(row => data.Query[row])], settings, cancellationToken),
            }],
            Rules = Evaluation.RulesOf(data.Protocol),
            PictureRatio = (double)settings.Width / settings.Height,
            DataStatistics = DataSource.Statistics(data),
        });
        Ui.Table(Figures.Table((settings.Architecture, figures)));
        Ui.Line($"{rows.Count} ranked lists written to {output.FullName}");
        return 0;

        int Row(string name)
        {
            int[] rows = [.. Enumerable.Range(0, data.Query.Count).Where(row => IsNamed(data.Query[row].Path, name))];
            return rows switch
            {
                [var row] => row,
                [] => throw new UserErrorException($"--queries: there is no query {name}."),
                [var one, var two, ..] => throw new UserErrorException($"--queries: {name} is the name of {rows.Length} queries, such as "
                    + $"{source.PathOf(data.Query[one])} and {source.PathOf(data.Query[two])}. Give more of the path."),
            };
        }
    }
}
