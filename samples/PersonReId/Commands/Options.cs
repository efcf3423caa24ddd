using System.CommandLine;
using MetricLearning;

namespace PersonReId.Commands;

/// <summary>The options that several commands share.</summary>
internal sealed class DataOption
{
    private readonly Option<string> kind = new("--dataset")
    {
        Description = "Its layout; folders: one folder per identity, and half of the identities are for training",
        DefaultValueFactory = _ => "market1501",
    };
    private readonly Option<string> data = new("--data") { Description = "Its folder, or the list of csv and json", HelpName = "PATH",
        Required = true };
    private readonly Option<DirectoryInfo> images = new Option<DirectoryInfo>("--images")
    {
        Description = "For a list: the folder that its names are relative to [default: the folder of the list]",
        HelpName = "DIR",
    }.AcceptExistingOnly();
    private readonly Option<string[]> splits = new Option<string[]>("--splits")
    {
        Description = "For a list: the values of its column split for train, query and gallery",
        HelpName = "NAME NAME NAME",
        Arity = new ArgumentArity(3, 3),
        AllowMultipleArgumentsPerToken = true,
        DefaultValueFactory = _ => ["train", "query", "gallery"],
    };

    public DataOption(Command command)
    {
        kind.AcceptOnlyFromAmong([.. DataSource.Kinds]);
        data.Validators.Add(result =>
        {
            if (result.Tokens is [{ Value: var path }] && !Path.Exists(path)) result.AddError($"--data: there is no {path}.");
        });
        foreach (var option in new Option[] { kind, data, images, splits }) command.Add(option);
    }

    public DataSource Read(ParseResult result)
    {
        var (name, path) = (result.GetRequiredValue(kind), Path.GetFullPath(result.GetRequiredValue(data)));
        return name is "csv" or "json"
            ? new DataSource(name, path, result.GetValue(images)?.FullName ?? Path.GetDirectoryName(path)!, result.GetRequiredValue(splits))
            : new DataSource(name, path, path, []);
    }
}

/// <summary>Which feature of an image is extracted, and over which views of it.</summary>
internal sealed class ViewOptions
{
    private readonly Option<string?> layer = new("--layer")
    {
        Description = "The feature is the output of this layer, such as backbone.conv5 [default: the embedding]",
        HelpName = "NAME",
    };
    private readonly Option<bool> flip = new("--flip") { Description = "The feature is the mean over the image and its mirror image" };
    private readonly Option<double[]> scales = new("--scales")
    {
        Description = "The feature is the mean over the image at these sizes, as multiples of --size",
        HelpName = "X ...",
        AllowMultipleArgumentsPerToken = true,
        DefaultValueFactory = _ => [1],
    };
    private readonly Option<bool> half = new("--half") { Description = "Weights and images are bfloat16" };

    public ViewOptions(Command command)
    {
        CheckOptions.Between(0.1, 10, scales);
        foreach (var option in new Option[] { layer, flip, scales, half }) command.Add(option);
    }

    public NetworkSettings Read(ParseResult result, NetworkSettings settings) => settings with
    {
        Layer = result.GetValue(layer),
        Flip = result.GetValue(flip),
        Scales = result.GetRequiredValue(scales),
        Half = result.GetValue(half),
    };
}

/// <summary>Which network and how it runs.</summary>
internal sealed class NetworkOptions
{
    private readonly Option<string> architecture;
    private readonly Option<FileInfo?> weights;
    private readonly Option<int[]> size = new Option<int[]>("--size")
    {
        Description = "Height and width of the images that the network sees",
        HelpName = "H W",
        Arity = new ArgumentArity(2, 2),
        AllowMultipleArgumentsPerToken = true,
        DefaultValueFactory = _ => [256, 128],
    };
    private readonly Option<string> device = new Option<string>("--device")
    {
        Description = "Where the network runs; auto uses a GPU if there is one",
        DefaultValueFactory = _ => "auto",
    }.AcceptOnlyFromAmong("auto", "cpu", "cuda");
    private readonly Option<int> workers = new("--workers")
    {
        Description = "Threads that decode images",
        HelpName = "N",
        DefaultValueFactory = _ => Environment.ProcessorCount,
    };

    public NetworkOptions(Command command, bool weightsRequired)
    {
        architecture = new Option<string>("--arch") { Description = "The network", DefaultValueFactory = _ => "osnet_x0_25" };
        architecture.AcceptOnlyFromAmong([.. Networks.Names]);
        weights = new Option<FileInfo?>("--weights")
        {
            Description = weightsRequired
                ? "Its weights: .safetensors, or a PyTorch .pth"
                : "Weights to start from: .safetensors, or a PyTorch .pth; without them training starts from scratch",
            HelpName = "FILE",
            Required = weightsRequired,
        };
        weights.Validators.Add(result =>
        {
            if (result.Tokens is [{ Value: var path }] && !File.Exists(path)) result.AddError($"--weights: there is no file {path}.");
        });
        size.Validators.Add(result =>
        {
            if (result.Tokens.Any(t => !int.TryParse(t.Value, out var pixels) || pixels < 32)) result.AddError(
                "--size takes a height and a width of at least 32 pixels.");
        });
        command.Add(architecture);
        command.Add(weights);
        command.Add(size);
        command.Add(device);
        command.Add(workers);
    }

    public NetworkSettings Read(ParseResult result)
    {
        var pixels = result.GetRequiredValue(size);
        return new NetworkSettings
        {
            Architecture = result.GetRequiredValue(architecture),
            Weights = result.GetValue(weights),
            Height = pixels[0],
            Width = pixels[1],
            Device = result.GetRequiredValue(device),
            Workers = Math.Max(1, result.GetValue(workers)),
        };
    }
}

/// <summary>The distance that ranks the gallery.</summary>
internal sealed class DistanceOption
{
    private readonly Option<string> distance;

    public DistanceOption(Command command, string initial)
    {
        distance = new Option<string>("--distance") { Description = "How embeddings are compared", DefaultValueFactory = _ => initial };
        distance.AcceptOnlyFromAmong("euclidean", "cosine");
        command.Add(distance);
    }

    public Distance Read(ParseResult result) => result.GetRequiredValue(distance) == "cosine" ? Distance.Cosine : Distance.EuclideanSquared;
}
