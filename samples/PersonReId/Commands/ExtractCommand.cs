using System.CommandLine;
using System.Globalization;
using System.Security.Cryptography;
using MetricLearning;
using MetricLearning.Vision;

namespace PersonReId.Commands;

/// <summary><c>extract</c>: writes the features of every image, for other programs. If it was stopped, the next call continues where it
/// stopped.</summary>
internal static class ExtractCommand
{
    public static Command Create()
    {
        var command = new Command("extract",
            "Writes the features of every image, with identity, camera and path; a call that was stopped continues when repeated");
        var data = new DataOption(command);
        var network = new NetworkOptions(command, weightsRequired: true);
        var views = new ViewOptions(command);
        var part = new Option<string>("--set") { Description = "Which images; test: query and gallery",
            DefaultValueFactory = _ => "test" };
        part.AcceptOnlyFromAmong("test", "train", "query", "gallery", "all");
        var output = new Option<FileInfo>("--output")
        {
            Description =
                "The file: FILE.npz or FILE.safetensors (query_feat, query_pid, query_cam, query_files, ...), or for one set FILE.npy "
                + "with FILE.csv",
            HelpName = "FILE",
            Required = true,
        };
        output.Validators.Add(result =>
        {
            if (result.Tokens is [{ Value: { Length: > 0 } path }] && !FeatureFile.Extensions.Contains(Path.GetExtension(path)))
                result.AddError(
                $"--output must end in {string.Join(", ", FeatureFile.Extensions)}.");
        });
        command.Add(part);
        command.Add(output);
        command.SetAction((result, cancellationToken) => Task.FromResult(Run(
            data.Read(result), views.Read(result, network.Read(result)), result.GetRequiredValue(part), result.GetRequiredValue(output),
                cancellationToken)));
        return command;
    }

    private static int Run(DataSource source, NetworkSettings settings, string wanted, FileInfo output, CancellationToken cancellationToken)
    {
        Outputs.Check(output);
        var list = output.Extension == ".npy" ? new FileInfo(Path.ChangeExtension(output.FullName, ".csv")) : null;
        Outputs.CheckApart([("--output", output), ("The list beside --output,", list)], [settings.Weights!.FullName, source.List]);
        var data = source.Open(testOnly: wanted is "test" or "query" or "gallery");
        var parts = new[] { (Name: "train", Images: data.Train), (Name: "query", Images: data.Query),
            (Name: "gallery", Images: data.Gallery) }
            .Where(part => wanted == "all" || wanted == part.Name || (wanted == "test" && part.Name != "train")).ToList();
        if (output.Extension == ".npy" && parts.Count > 1) throw new UserErrorException(
            "A .npy file holds one set: say --set train, query or gallery.");
        using var model = Networks.Create(settings);
        output.Directory?.Create();
        var sets = new List<(string Name, EmbeddingSet Set, IReadOnlyList<string> Files)>();
        try
        {
            var journals = parts.Select(part => new ExtractionJournal($"{output.FullName}.{part.Name}.part", KeyOf(settings))).ToList();
            foreach (var ((name, images), journal) in parts.Zip(journals))
                sets.Add((name, Evaluation.Extract(model, images, settings, name, cancellationToken, journal),
                    [.. images.Select(source.PathOf)]));
            FeatureFile.Write(output.FullName, sets);
            foreach (var journal in journals) journal.Delete();
            Ui.Line($"{sets.Sum(set => set.Set.Count)} features of length {sets[0].Set.Features.size(1)} written to {output.FullName}");
            return 0;
        }
        finally
        {
            foreach (var (_, set, _) in sets) set.Dispose();
        }
    }

    /// <summary>Everything that the features depend on, except the images and their size and normalization, which the journal checks
    /// itself.</summary>
    private static string KeyOf(NetworkSettings settings)
    {
        using var weights = settings.Weights!.OpenRead();
        return string.Create(CultureInfo.InvariantCulture, $"{settings.Architecture} {Convert.ToHexString(SHA256.HashData(weights))} ")
            + string.Create(CultureInfo.InvariantCulture,
                $"{settings.Layer} {settings.Flip} {string.Join('/', settings.Scales)} {settings.Half} {settings.Device}");
    }
}
