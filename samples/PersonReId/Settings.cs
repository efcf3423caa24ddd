using System.Globalization;
using MetricLearning;

namespace PersonReId;

/// <summary>Which network, its weights, the size of its images, and where it runs.</summary>
internal sealed record NetworkSettings
{
    public required string Architecture { get; init; }
    public FileInfo? Weights { get; init; }
    public int Height { get; init; } = 256;
    public int Width { get; init; } = 128;
    public string Device { get; init; } = "cpu";
    public int Workers { get; init; } = Environment.ProcessorCount;

    /// <summary>What the file of the weights knows of the embeddings; null if it does not say.</summary>
    public EmbeddingSpace? File { get; init; }

    /// <summary>The layer whose output is the feature; null for the embedding.</summary>
    public string? Layer { get; init; }

    /// <summary>Whether the feature is the mean over the image and its mirror image.</summary>
    public bool Flip { get; init; }

    /// <summary>The sizes of an image whose features are averaged, as multiples of <see cref="Height"/> and <see cref="Width"/>.</summary>
    public IReadOnlyList<double> Scales { get; init; } = [1];

    /// <summary>Whether weights and images are bfloat16 when features are extracted.</summary>
    public bool Half { get; init; }
}

/// <summary>How a network is trained.</summary>
internal sealed record TrainingSettings
{
    public required NetworkSettings Network { get; init; }

    /// <summary>Where checkpoints go.</summary>
    public required DirectoryInfo Output { get; init; }
    public int Epochs { get; init; } = 120;
    public int IdentitiesPerBatch { get; init; } = 16;
    public int ImagesPerIdentity { get; init; } = 4;
    public double LearningRate { get; init; } = 3.5e-4;

    /// <summary>After each of these epochs the learning rate is divided by ten.</summary>
    public IReadOnlyList<int> Milestones { get; init; } = [40, 70];

    /// <summary>Over how many epochs the learning rate rises from a tenth.</summary>
    public int WarmUp { get; init; } = 10;
    public double Margin { get; init; } = 0.3;
    public double Smoothing { get; init; } = 0.1;

    /// <summary>Whether the triplet loss compares features of length one.</summary>
    public bool Normalize { get; init; }
    public double Erasing { get; init; } = 0.5;
    public ulong Seed { get; init; } = 1;

    /// <summary>Evaluates before and after training, and after each multiple of this many epochs; 0 for never.</summary>
    public int EvaluateEvery { get; init; } = 10;
    public Distance Distance { get; init; } = Distance.Cosine;

    /// <summary>A third and seven twelfths of the epochs: 40 and 70 of 120.</summary>
    public static IReadOnlyList<int> MilestonesOf(int epochs) => [(epochs + 2) / 3, (epochs * 7 + 11) / 12];

    /// <summary>What to do with a run that <see cref="Output"/> holds.</summary>
    public RunStart Start { get; init; }

    /// <summary>Within an epoch the last checkpoint is saved after this time.</summary>
    public TimeSpan SaveAfter { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>Checkpoints and report in <see cref="Output"/>.</summary>
    public RunFolder Folder => new(Output);

    /// <summary>The options on which the result depends. A run goes on only with the same ones.</summary>
    public string Recipe(DataSource source) => string.Create(CultureInfo.InvariantCulture,
        $"{source.Options} --arch {Network.Architecture}{(Network.Weights is { } file ? $" --weights {Shell.Quote(file.FullName)}" : "")} ")
        + string.Create(CultureInfo.InvariantCulture, $"--size {Network.Height} {Network.Width} --epochs {Epochs} ")
        + string.Create(CultureInfo.InvariantCulture, $"--batch {IdentitiesPerBatch} {ImagesPerIdentity} --lr {LearningRate} ")
        + $"--milestones {string.Join(' ', Milestones)} --warm-up {WarmUp} "
        + string.Create(CultureInfo.InvariantCulture, $"--margin {Margin} --smoothing {Smoothing} --erasing {Erasing} ")
        + $"{(Normalize ? "--normalize " : "")}--eval-every {EvaluateEvery} --seed {Seed} "
        + $"--distance {DistanceName}";

    /// <summary>What <c>--distance</c> calls the distance.</summary>
    public string DistanceName => ReferenceEquals(Distance, Distance.Cosine) ? "cosine" : "euclidean";

    /// <summary>The command that goes on with a run: its recipe, and the options that say where and how it runs.</summary>
    public string ResumeCommand(DataSource source, string recipe) => $"PersonReId train {recipe} {source.Place} "
        + string.Create(CultureInfo.InvariantCulture, $"--output {Shell.Quote(Output.FullName)} --save-minutes {SaveAfter.TotalMinutes} ")
        + $"--device {Network.Device} --workers {Network.Workers} --resume";
}
