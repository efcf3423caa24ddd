using System.CommandLine;
using System.Runtime.InteropServices;
using System.Text.Json;
using MetricLearning;
using MetricLearning.Vision;
using static TorchSharp.torch;

namespace PersonReId.Commands;

/// <summary><c>extract</c>: the embedding of every picture, for other programs.</summary>
internal static class ExtractCommand
{
    public static Command Create()
    {
        var command = new Command("extract", "Writes the embedding of every picture, with identity, camera and path");
        var data = new DataOption(command);
        var network = new NetworkOptions(command, weightsRequired: true);
        var part = new Option<string>("--set") { Description = "Which pictures", DefaultValueFactory = _ => "all" };
        part.AcceptOnlyFromAmong("all", "train", "query", "gallery");
        var output = new Option<FileInfo>("--output")
        {
            Description = "Where to: FILE.safetensors (tensors features, ids, cameras; paths in its metadata) or FILE.json (one object a line)",
            HelpName = "FILE",
            Required = true,
        };
        output.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<FileInfo>()?.Extension is not (".safetensors" or ".json")) result.AddError("--output must end in .safetensors or .json.");
        });
        command.Add(part);
        command.Add(output);
        command.SetAction((result, cancel) => Task.FromResult(
            Run(data.Read(result), network.Read(result), result.GetRequiredValue(part), result.GetRequiredValue(output), cancel)));
        return command;
    }

    private static int Run(string folder, NetworkSettings settings, string part, FileInfo output, CancellationToken cancel)
    {
        var data = Datasets.Open(folder, testOnly: part is "query" or "gallery");
        var images = part switch
        {
            "train" => data.Train,
            "query" => data.Query,
            "gallery" => data.Gallery,
            _ => new ImageList(data.Train.Concat(data.Query).Concat(data.Gallery)),
        };
        using var model = Networks.Create(settings);
        using var set = Evaluation.Extract(model, images, settings, part, cancel);
        var paths = images.Select(image => Path.GetRelativePath(folder, image.Path).Replace('\\', '/')).ToArray();
        output.Directory?.Create();
        if (output.Extension == ".json") WriteJson(output.FullName, set, paths);
        else
        {
            using var scope = NewDisposeScope();
            SafeTensors.Write(output.FullName, new Dictionary<string, Tensor>
            {
                ["features"] = set.Features.cpu(),
                ["ids"] = tensor(set.Ids.ToArray()),
                ["cameras"] = tensor(set.Cameras!.ToArray()),
            }, new Dictionary<string, string> { ["paths"] = JsonSerializer.Serialize(paths) });
        }
        Ui.Line($"{set.Count} embeddings of length {set.Features.size(1)} written to {output.FullName}");
        return 0;
    }

    private static void WriteJson(string path, EmbeddingSet set, string[] paths)
    {
        using var features = set.Features.cpu().to(ScalarType.Float32).contiguous();
        var values = MemoryMarshal.Cast<byte, float>(features.bytes);
        var width = (int)features.size(1);
        using var writer = new StreamWriter(path);
        for (var i = 0; i < paths.Length; i++)
            writer.WriteLine(JsonSerializer.Serialize(new { path = paths[i], id = set.Ids[i], camera = set.Cameras![i], features = values.Slice(i * width, width).ToArray() }));
    }
}
