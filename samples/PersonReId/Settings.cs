using System.Globalization;
using MetricLearning;
using MetricLearning.Vision;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using PersonReId.Recipes;

namespace PersonReId;

/// <summary>The settings of a network: its architecture, its weights, the size of its images, and where it runs.</summary>
internal sealed record NetworkSettings
{
    public required string Architecture { get; init; }
    public FileInfo? Weights { get; init; }

    /// <summary>Whether <see cref="Weights"/> are those of ImageNet that a package has.</summary>
    public bool ImageNet => Weights?.FullName == Path.GetFullPath(PublishedResNet18.NetworkPath);

    public int Height { get; init; } = 256;
    public int Width { get; init; } = 128;
    public string Device { get; init; } = "cpu";
    public int Workers { get; init; } = Environment.ProcessorCount;

    /// <summary>How images are resized if the file of the weights does not say it.</summary>
    public string Interpolation { get; init; } = "bilinear";

    /// <summary>Mean and deviation of each channel if the file of the weights does not state them; null for ImageNet's.</summary>
    public float? Mean { get; init; }

    /// <summary>The embedding space in the file of the weights; null if the file has none.</summary>
    public EmbeddingSpace? File { get; init; }

    /// <summary>The value of <c>--weights</c>; null if it is not given.</summary>
    public string? WeightsOption => ImageNet ? PublishedWeights.Name : Weights is { } file ? Shell.Quote(file.FullName) : null;

    /// <summary>The recipe with this network, and with the images that the network sees.</summary>
    public Recipe Change(Recipe recipe) => recipe with
    {
        Architecture = Architecture,
        Height = Height,
        Width = Width,
        Interpolation = File?.Interpolation ?? Interpolation,
        FileNormalization = File is { Mean: { } mean, Deviation: { } deviation } ? new Normalize(mean, deviation) : null,
    };

    /// <summary>The layer whose output is the feature; null for the embedding.</summary>
    public string? Layer { get; init; }

    /// <summary>Whether the feature is the mean over the image and its mirror image.</summary>
    public bool Flip { get; init; }

    /// <summary>The sizes of an image whose features are averaged, as multiples of <see cref="Height"/> and <see cref="Width"/>.</summary>
    public IReadOnlyList<double> Scales { get; init; } = [1];

    /// <summary>Whether weights and images are bfloat16 when features are extracted.</summary>
    public bool Half { get; init; }
}

/// <summary>The settings of a training run.</summary>
internal sealed record TrainingSettings
{
    public required NetworkSettings Network { get; init; }

    /// <summary>The folder of the checkpoints.</summary>
    public required DirectoryInfo Output { get; init; }

    /// <summary>Everything that the result depends on, except the data and the seed.</summary>
    public required Recipe Recipe { get; init; }
    public ulong Seed { get; init; } = 1;

    /// <summary>Evaluates before and after training, and after each multiple of this many epochs; 0 for never.</summary>
    public int EvaluateEvery { get; init; } = 10;

    /// <summary>The command that makes these settings, with the options on which the result depends; null for the command train.</summary>
    public string? OtherCommand { get; init; }

    /// <summary>What to do with a run that <see cref="Output"/> holds.</summary>
    public RunStart Start { get; init; }

    /// <summary>The time after which the last checkpoint is saved within an epoch.</summary>
    public TimeSpan SaveAfter { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>A checkpoint with the epoch's number is kept after each multiple of this number of epochs; 0 for never.</summary>
    public int KeepEvery { get; init; }

    /// <summary>The larger network from which the network also learns; null for none.</summary>
    public TeacherSettings? Teacher { get; init; }

    /// <summary>The log of the run, for programs that read it.</summary>
    public ILogger Log { get; init; } = NullLogger.Instance;

    /// <summary>Whether a checkpoint with the epoch's number is due at the present epoch.</summary>
    public bool Keeps(SamplerState training) =>
        KeepEvery > 0 && training.Position == 0 && training.Epoch > 0 && training.Epoch % KeepEvery == 0;

    /// <summary>Checkpoints and report in <see cref="Output"/>.</summary>
    public RunFolder Folder => new(Output);

    public int Epochs => Recipe.Epochs;
    public Distance Distance => Recipe.Distance;

    /// <summary>The value of <c>--distance</c> that names the distance.</summary>
    public string DistanceName => Recipe.ComparesByCosine ? "cosine" : "euclidean";

    /// <summary>The options of train on which the result depends, or the other command. A run can be continued only with the same
    /// ones.</summary>
    public string Command(DataSource source)
    {
        if (OtherCommand is not null) return OtherCommand;
        var r = Recipe;
        var options = new List<string>
        {
            source.Options, $"--recipe {r.Name}", $"--arch {Networks.BeforeOmission(r.Architecture, r.Omitted)}",
            Network.WeightsOption is { } from ? $"--weights {from}" : "",
            $"--size {Network.Height} {Network.Width} --epochs {r.Epochs} --batch {r.IdentitiesPerBatch} {r.ImagesPerIdentity}",
            $"--lr {N(r.LearningRate)}",
            r.Milestones.Count > 0 ? $"--milestones {string.Join(' ', r.Milestones)}" : "",
            Has(Trick.WarmUp) && (r.WarmUp.InEpochs || r.WarmUp.Amount == 0) ? $"--warm-up {N(r.WarmUp.Amount)}" : "",
            r.Losses.FirstOrDefault(loss => loss.IsHardTriplet) is { } triplet ? $"--margin {N(triplet.Margin)}" : "",
            Has(Trick.LabelSmoothing) && r.Losses.FirstOrDefault(loss => loss.CanSmooth) is { } smoothed
                ? $"--smoothing {N(smoothed.Smoothing)}" : "",
            Has(Trick.RandomErasing) ? $"--erasing {N(r.Erasing)}" : "", r.Losses.Any(loss => loss.Normalized) ? "--normalize" : "",
            r.Losses.FirstOrDefault(loss => loss.Widths.Count > 0) is { } nested ? $"--matryoshka {string.Join(' ', nested.Widths)}" : "",
            Teacher is { } teacher ? $"--teacher {Shell.Quote(teacher.File.FullName)} --teacher-weight {N(teacher.Weight)}" : "",
            r.Omitted.Count > 0 ? $"--without {string.Join(' ', r.Omitted)}" : "",
            $"--eval-every {EvaluateEvery} --keep-every {KeepEvery} --seed {Seed} --distance {DistanceName}",
        };
        return string.Join(' ', options.Where(option => option.Length > 0));

        bool Has(Trick trick) => !r.Omitted.Contains(trick);

        static string N(double value) => value.ToString(CultureInfo.InvariantCulture);
    }

    /// <summary>The command that continues a run.</summary>
    /// <param name="source">The dataset.</param>
    /// <param name="command">The <see cref="Command"/> of the run. Only that of train starts with an option.</param>
    public string ResumeCommand(DataSource source, string command)
    {
        var output = $"--output {Shell.Quote(Output.FullName)}";
        return command.StartsWith('-')
            ? string.Create(CultureInfo.InvariantCulture, $"PersonReId train {command} {source.Place} {output} ")
                + string.Create(CultureInfo.InvariantCulture, $"--save-minutes {SaveAfter.TotalMinutes} ")
                + $"--device {Network.Device} --workers {Network.Workers} --resume"
            : $"PersonReId {command} {output} --resume";
    }
}
