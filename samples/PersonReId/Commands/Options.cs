using System.CommandLine;
using MetricLearning;

namespace PersonReId.Commands;

/// <summary>The options that several commands share.</summary>
internal sealed class DataOption
{
    private readonly Option<DirectoryInfo> data = new Option<DirectoryInfo>("--data")
    {
        Description = "A Market-1501 folder: bounding_box_train, query, bounding_box_test",
        HelpName = "DIR",
        Required = true,
    }.AcceptExistingOnly();

    public DataOption(Command command) => command.Add(data);

    public string Read(ParseResult result) => result.GetRequiredValue(data).FullName;
}

/// <summary>Which network and how it runs.</summary>
internal sealed class NetworkOptions
{
    private readonly Option<string> architecture;
    private readonly Option<FileInfo?> weights;
    private readonly Option<int[]> size = new Option<int[]>("--size")
    {
        Description = "Height and width of the pictures that the network sees",
        HelpName = "H W",
        Arity = new ArgumentArity(2, 2),
        AllowMultipleArgumentsPerToken = true,
        DefaultValueFactory = _ => [256, 128],
    };
    private readonly Option<string> device = new Option<string>("--device")
    {
        Description = "Where the network runs; auto takes a GPU where there is one",
        DefaultValueFactory = _ => "auto",
    }.AcceptOnlyFromAmong("auto", "cpu", "cuda");
    private readonly Option<int> workers = new("--workers")
    {
        Description = "Threads that decode pictures",
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
            if (result.Tokens.Any(t => !int.TryParse(t.Value, out var pixels) || pixels < 32)) result.AddError("--size takes a height and a width of at least 32 pixels.");
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

/// <summary>By which distance pictures are ranked.</summary>
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
