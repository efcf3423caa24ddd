using System.CommandLine;
using System.CommandLine.Parsing;
using MetricLearning;
using PersonReId.Recipes;

namespace PersonReId.Commands;

/// <summary>The options that several commands share.</summary>
internal sealed class DataOption
{
    private readonly Option<string> kind = new("--dataset")
    {
        Description = $"Its layout: {string.Join(", ", DataSource.Kinds)}. folders: one folder per identity, and half of the identities "
            + "are for training",
        HelpName = "NAME",
        DefaultValueFactory = _ => "market1501",
    };
    private readonly Option<string> data = new("--data") { Description = "Its folder, or the list of csv and json", HelpName = "PATH",
        Required = true };
    private readonly Option<DirectoryInfo> images = new Option<DirectoryInfo>("--images")
    {
        Description = "For a list: the folder that its names are relative to [default: the folder of the list]",
        HelpName = "DIR",
    }.MustExist();
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
        foreach (var option in new Option[] { images, splits })
            CheckOptions.Useless(command, option, result => !IsList(CheckOptions.ValueOf(result, kind)),
                $"{option.Name} needs --dataset csv or json.");
        foreach (var option in new Option[] { kind, data, images, splits }) command.Add(option);
    }

    public DataSource Read(ParseResult result)
    {
        var (name, path) = (result.GetRequiredValue(kind), Path.GetFullPath(result.GetRequiredValue(data)));
        return IsList(name)
            ? new DataSource(name, path, result.GetValue(images)?.FullName ?? Path.GetDirectoryName(path)!, result.GetRequiredValue(splits))
            : new DataSource(name, path, path, []);
    }

    private static bool IsList(string? kind) => kind is "csv" or "json";
}

/// <summary>The options that say which feature of an image is extracted, and from which views of it.</summary>
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

/// <summary>The options that say which network is used and how it runs. The defaults come from the file of the weights. If an option
/// contradicts the file, the option holds and a warning is printed.</summary>
internal sealed class NetworkOptions
{
    public const string DefaultNetwork = "osnet_x0_25";
    private readonly Option<string> architecture;
    private readonly Option<FileInfo?> weights;
    private readonly Func<SymbolResult, RunFolder?> resumed;
    private readonly Option<int[]> size = new Option<int[]>("--size")
    {
        Description = "Height and width of the images that the network sees [default: those of the weights' file, or 256 128]",
        HelpName = "H W",
        Arity = new ArgumentArity(2, 2),
        AllowMultipleArgumentsPerToken = true,
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

    /// <param name="command">The command that gets the options.</param>
    /// <param name="weightsRequired">Whether the command needs weights.</param>
    /// <param name="otherwise">The network if neither the user nor the file of the weights names one, for the help.</param>
    /// <param name="resumed">The run that goes on, whose checkpoint has all weights, so their file may be missing. Null: none.</param>
    public NetworkOptions(Command command, bool weightsRequired, string otherwise = DefaultNetwork,
        Func<SymbolResult, RunFolder?>? resumed = null)
    {
        this.resumed = resumed ?? (_ => null);
        architecture = new Option<string>("--arch")
        {
            Description = $"The network: {string.Join(", ", Networks.Names)} [default: that of the weights' file, or {otherwise}]",
            HelpName = "NAME",
        };
        architecture.AcceptOnlyFromAmong([.. Networks.Names]);
        weights = new Option<FileInfo?>("--weights")
        {
            Description = (weightsRequired ? "Its weights" : "Weights to start from")
                + $": .safetensors, a PyTorch .pth, or {PublishedWeights.Name} for a ResNet-18 that is trained on ImageNet"
                + (weightsRequired ? "" : "; without them training starts from scratch"),
            HelpName = "FILE",
            Required = weightsRequired,
        };
        command.Validators.Add(result =>
        {
            if (CheckOptions.ValueOf(result, weights) is { Exists: false } missing && missing.ToString() is var path
                && path != PublishedWeights.Name && this.resumed(result) is null)
                result.AddError($"--weights: there is no file {path}.");
            if (CheckOptions.ValueOf(result, weights)?.ToString() == PublishedWeights.Name
                && CheckOptions.ValueOf(result, architecture) is { } name && name != PublishedWeights.Architecture)
                result.AddError($"--weights {PublishedWeights.Name} needs --arch {PublishedWeights.Architecture}, got {name}.");
        });
        CheckOptions.Each(size, pixels => pixels >= 32, "--size takes a height and a width of at least 32 pixels.");
        CheckOptions.Positive(workers);
        command.Add(architecture);
        command.Add(weights);
        command.Add(size);
        command.Add(device);
        command.Add(workers);
    }

    /// <param name="result">The parsed command line.</param>
    /// <param name="recipe">The values that neither the user nor the file of the weights gives; null for the usual values.</param>
    public NetworkSettings Read(ParseResult result, Recipe? recipe = null)
    {
        var (file, name, pixels) = (result.GetValue(weights), result.GetValue(architecture), result.GetValue(size));
        var isImageNet = file?.ToString() == PublishedWeights.Name;
        var space = isImageNet ? PublishedWeights.Space() : file?.Extension == ".safetensors" ? SpaceOf(file) : null;
        var known = space?.Architecture is { } theirs && Networks.Names.Contains(theirs) ? theirs : null;
        Warn(file, "--arch", known, name);
        Warn(file, "--size", space is { Height: { } tall, Width: { } wide } ? $"{tall} {wide}" : null,
            pixels is { Length: 2 } ? $"{pixels[0]} {pixels[1]}" : null);
        return new NetworkSettings
        {
            Architecture = name ?? known ?? recipe?.Architecture ?? DefaultNetwork,
            Interpolation = recipe?.Interpolation ?? "bilinear",
            Mean = recipe?.Mean,
            Weights = isImageNet ? new FileInfo(PublishedResNet18.Network) : file,
            File = space,
            Height = pixels is { Length: 2 } ? pixels[0] : space?.Height ?? recipe?.Height ?? 256,
            Width = pixels is { Length: 2 } ? pixels[1] : space?.Width ?? recipe?.Width ?? 128,
            Device = result.GetRequiredValue(device),
            Workers = result.GetValue(workers),
        };

        EmbeddingSpace? SpaceOf(FileInfo given) =>
            given.Exists ? EmbeddingSpace.Read(given.FullName) : RunRecord.SpaceOfWeights(resumed(result.CommandResult)!);
    }

    /// <summary>Warns that an option contradicts a file.</summary>
    public static void Warn(FileInfo? file, string option, string? known, string? given)
    {
        if (known is not null && given is not null && known != given)
            Ui.Line($"warning: {file!.Name} was trained with {option} {known}, and {option} {given} is given.");
    }
}

/// <summary>The distance that ranks the gallery. It is the same by default in all commands, so that their figures agree.</summary>
internal sealed class DistanceOption
{
    private const string Cosine = "cosine", Euclidean = "euclidean";
    private readonly Option<string> distance = new("--distance")
    {
        Description = $"How embeddings are compared [default: as the weights' file says, or {Euclidean}]",
    };

    public DistanceOption(Command command)
    {
        distance.AcceptOnlyFromAmong(Euclidean, Cosine);
        command.Add(distance);
    }

    /// <param name="result">The parsed command line.</param>
    /// <param name="network">The network; the file of its weights may state the distance.</param>
    public Distance Read(ParseResult result, NetworkSettings network)
    {
        var name = NameOf(result.GetValue(distance), network) ?? Euclidean;
        return name == Cosine ? Distance.Cosine : Distance.EuclideanSquared;
    }

    /// <summary>The name of the distance: the given one, or that of the weights' file; null if neither names one.</summary>
    /// <exception cref="UserErrorException">None is given, and the file names a distance that this program does not have.</exception>
    public static string? NameOf(string? given, NetworkSettings network)
    {
        var known = network.File?.Distance;
        NetworkOptions.Warn(network.Weights, "--distance", known, given);
        return given is not null || known is null or Cosine or Euclidean ? given ?? known : throw new UserErrorException(
            $"{network.Weights!.Name} was trained with the distance {known}, which this program does not have. Give --distance "
            + $"{Euclidean} or {Cosine}.");
    }
}
