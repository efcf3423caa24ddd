using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using System.Text.Json.Nodes;
using MetricLearning;

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
        var distance = new DistanceOption(command);
        var json = new Option<FileInfo?>("--json")
        {
            Description = "Writes the figures, as shares in [0, 1], to this file as well",
            HelpName = "FILE",
        };
        var widths = new Option<int[]>("--widths")
        {
            Description = "Also evaluates the first N numbers of each embedding alone, for each N; a Matryoshka training makes them useful",
            HelpName = "N ...",
            AllowMultipleArgumentsPerToken = true,
            DefaultValueFactory = _ => [],
            CustomParser = Widths,
        };
        command.Add(json);
        command.Add(widths);
        command.SetAction((result, cancellationToken) =>
        {
            var settings = views.Read(result, network.Read(result));
            return Task.FromResult(Run(data.Read(result), settings, distance.Read(result, settings),
                result.GetRequiredValue(widths), result.GetValue(json), cancellationToken));
        });
        return command;
    }

    private static int Run(DataSource source, NetworkSettings settings, Distance distance, IReadOnlyList<int> widths, FileInfo? json,
        CancellationToken cancellationToken)
    {
        Outputs.Check(json);
        Outputs.CheckApart([("--json", json)], [settings.Weights!.FullName, source.List]);
        var data = source.Open(testOnly: true);
        Ui.Table(DataSource.Statistics(data));
        using var model = Networks.Create(settings);
        var (report, prefixes) = Evaluation.EvaluateWidths(model, data, settings, distance, widths, cancellationToken);
        var figures = Figures.Of(report);
        Ui.Line();
        Ui.Table(Figures.Table([(settings.Architecture, figures), .. prefixes.Select(prefix => (NameOf(prefix.Width), prefix.Figures))]));
        if (report.SkippedQueries > 0) Ui.Line(report.Explanation);
        if (json is null) return 0;
        var all = figures.ToJson();
        if (prefixes.Count > 0)
            all["widths"] = new JsonObject(prefixes.Select(prefix => KeyValuePair.Create(
                prefix.Width.ToString(CultureInfo.InvariantCulture), (JsonNode?)prefix.Figures.ToJson())));
        Figures.Write(json, all);
        return 0;
    }

    private static string NameOf(int width) => string.Create(CultureInfo.InvariantCulture, $"first {width}");

    /// <summary>Reads the numbers after the option, with spaces or commas between them.</summary>
    private static int[] Widths(ArgumentResult result)
    {
        var texts = result.Tokens.SelectMany(token => token.Value.Split(',', StringSplitOptions.RemoveEmptyEntries)).ToArray();
        var widths = texts.Select(text =>
            int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var width) ? width : 0).ToArray();
        if (widths.Length == 0 || widths.Any(width => width < 1) || widths.Distinct().Count() < widths.Length)
            result.AddError("--widths takes different numbers of at least 1, got "
                + $"{(texts.Length == 0 ? "none" : string.Join(' ', texts))}.");
        return widths;
    }
}
