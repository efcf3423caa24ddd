using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using MetricLearning;
using MetricLearning.Vision;

namespace PersonReId.Recipes;

/// <summary>Describes how a network is trained: everything that the result depends on, except the data and the seed.</summary>
internal sealed record Recipe
{
    public required string Name { get; init; }

    /// <summary>Where it was published.</summary>
    public required string Source { get; init; }

    /// <summary>What differs from what was published, and why.</summary>
    public IReadOnlyList<string> Differences { get; init; } = [];

    /// <summary>One of <see cref="Networks.Names"/>.</summary>
    public required string Architecture { get; init; }

    /// <summary>The weights that the published runs start from. The user passes them by <c>--weights</c>.</summary>
    public string Weights { get; init; } = "none";
    public int Height { get; init; } = 256;
    public int Width { get; init; } = 128;

    /// <summary>One of <see cref="ResizeFilter"/>'s names in lower case.</summary>
    public string Interpolation { get; init; } = "bilinear";

    /// <summary>Mean and deviation of each channel; null for ImageNet's.</summary>
    public float? Mean { get; init; }

    /// <summary>The normalization that the file of the weights states, and that is taken in place of <see cref="Mean"/>; null if it states
    /// none.</summary>
    public Normalize? FileNormalization { get; init; }

    public int IdentitiesPerBatch { get; init; } = 16;
    public int ImagesPerIdentity { get; init; } = 4;

    /// <summary>Whether batches are drawn from all images, regardless of identities.</summary>
    public bool Shuffles { get; init; }

    public bool Flips { get; init; } = true;

    /// <summary>The border that images get before a crop, in pixels at a height of 256; 0 for none.</summary>
    public int Padding { get; init; } = 10;

    /// <summary>The smallest area of a random crop that is resized, in [0, 1]; null for no such crop.</summary>
    public double? CropArea { get; init; }
    public double Erasing { get; init; } = 0.5;
    public ErasingOrder ErasingOrder { get; init; }

    /// <summary>The probability of fast-reid's AutoAugment.</summary>
    public double AutoAugment { get; init; }

    public required IReadOnlyList<LossPlan> Losses { get; init; }

    public OptimizerKind Optimizer { get; init; }
    public double LearningRate { get; init; } = 3.5e-4;
    public double WeightDecay { get; init; } = 5e-4;

    /// <summary>The factor on the rate of biases.</summary>
    public double BiasRate { get; init; } = 1;

    /// <summary>The factor on the learning rate of the parameters of losses, such as class vectors and proxies.</summary>
    public double LossRate { get; init; } = 1;

    /// <summary>The greatest absolute value of a gradient; null for no limit.</summary>
    public double? GradientLimit { get; init; }

    public int Epochs { get; init; } = 120;
    public ScheduleKind Schedule { get; init; }

    /// <summary>After each of these epochs <see cref="ScheduleKind.MultiStep"/> multiplies the rate by <see cref="StepFactor"/>.</summary>
    public IReadOnlyList<int> Milestones { get; init; } = [];
    public double StepFactor { get; init; } = 0.1;

    /// <summary>The epoch at which a <see cref="ScheduleKind.Cosine"/> begins to fall.</summary>
    public int FallFrom { get; init; }

    /// <summary>The factor on the learning rate at the end of a <see cref="ScheduleKind.Cosine"/>.</summary>
    public double MinimumFactor { get; init; }

    /// <summary>The length of the warm-up, in which the rate rises; 0 for no warm-up.</summary>
    public TrainingSpan WarmUp { get; init; }
    public double WarmUpFactor { get; init; } = 0.1;
    public ScheduleUpdate Update { get; init; }

    /// <summary>How long the <see cref="Frozen"/> parts are frozen.</summary>
    public TrainingSpan FrozenFor { get; init; }

    /// <summary>The dotted names of the parts that are frozen at first.</summary>
    public IReadOnlyList<string> Frozen { get; init; } = [];

    /// <summary>Cosine or Euclidean distance at test time.</summary>
    public bool ComparesByCosine { get; init; } = true;

    /// <summary>The tricks that it leaves out.</summary>
    public IReadOnlyList<Trick> Omitted { get; init; } = [];

    /// <summary>Whether a part of the loss uses the scores of the classifier.</summary>
    public bool NeedsClassifier => Losses.Any(loss => loss.Kind is LossKind.CrossEntropy or LossKind.FastReIdCrossEntropy);

    public Distance Distance => ComparesByCosine ? Distance.Cosine : Distance.Euclidean;

    /// <summary>Returns the recipe for another number of epochs. All lengths change in proportion, including those in iterations.</summary>
    public Recipe Over(int epochs) => epochs == Epochs ? this : this with
    {
        Epochs = epochs,
        Milestones = [.. Milestones.Select(epoch => (int)Math.Ceiling((double)epoch * epochs / Epochs))],
        FallFrom = (int)((long)FallFrom * epochs / Epochs),
        WarmUp = Scaled(WarmUp, epochs, Math.Ceiling),       // a short run warms up for an epoch, too
        FrozenFor = Scaled(FrozenFor, epochs, Math.Floor),  // but it does not spend its only epoch frozen
    };

    /// <summary>Returns the recipe without one of the tricks of Bag of Tricks.</summary>
    public Recipe Without(Trick trick) => (trick switch
    {
        Trick.WarmUp => this with { WarmUp = default },
        Trick.RandomErasing => this with { Erasing = 0 },
        Trick.LabelSmoothing => this with { Losses = [.. Losses.Select(loss => loss with { Smoothing = 0 })] },
        Trick.LastStride => this with { Architecture = Networks.WithLastStride2(Architecture) },
        Trick.BNNeck => this with { Architecture = Networks.WithoutNeck(Architecture) },
        Trick.CenterLoss => this with { Losses = [.. Losses.Where(loss => loss.Kind != LossKind.Center)] },
        _ => throw new ArgumentOutOfRangeException(nameof(trick), trick, "There is no such trick."),
    }) with { Omitted = [.. Omitted, trick] };

    /// <summary>Says which lengths in iterations are longer than a training with so few batches.</summary>
    public IEnumerable<string> Warnings(int batchesPerEpoch)
    {
        var all = (long)batchesPerEpoch * Epochs;
        if (!WarmUp.InEpochs && WarmUp.Amount >= all)
            yield return $"the training has {N(all)} iterations and the warm-up {WarmUp}, so the learning rate never reaches "
                + $"{N(LearningRate)}. --warm-up sets its length in epochs.";
        if (Frozen.Count > 0 && !FrozenFor.InEpochs && FrozenFor.Amount >= all)
            yield return $"the training has {N(all)} iterations, and {string.Join(", ", Frozen)} is frozen for {FrozenFor}, so it never "
                + "trains. Train for more epochs, or take another recipe.";
    }

    /// <summary>The resolved settings: a name and a value for each. Values do not depend on the language of the system.</summary>
    public IReadOnlyList<(string Name, string Value)> Lines()
    {
        var schedule = Schedule switch
        {
            ScheduleKind.MultiStep => Milestones.Count == 0 ? "constant"
                : $"times {N(StepFactor)} after epochs {string.Join(", ", Milestones.Select(epoch => N(epoch)))}",
            ScheduleKind.Cosine => $"half a cosine from epoch {N(FallFrom)} to {N(Epochs)}, down to {N(MinimumFactor)} of it",
            _ => "constant",
        };
        List<(string, string)> lines =
        [
            ("network", Architecture), ("published weights", Weights),
            ("image size", $"{N(Height)} x {N(Width)}, {Interpolation}"),
            ("normalization", Normalization()),
            ("batch", Shuffles ? $"{N(IdentitiesPerBatch * ImagesPerIdentity)} images of a shuffled list"
                : $"{N(IdentitiesPerBatch)} identities x {N(ImagesPerIdentity)} images"),
            ("augmentation", Augmentation()),
            .. Losses.Select(loss => ($"loss {loss.Name}", loss.ToString())),
            ("optimizer", $"{Optimizer}, weight decay {N(WeightDecay)}"),
            ("learning rate", $"{N(LearningRate)}{(BiasRate == 1 ? "" : $", biases times {N(BiasRate)}")}"
                + (LossRate == 1 ? "" : $", losses times {N(LossRate)}")),
            ("gradient limit", GradientLimit is { } limit ? N(limit) : "none"),
            ("epochs", N(Epochs)),
            ("schedule", $"{schedule}, changed at each {(Update == ScheduleUpdate.EachEpoch ? "epoch" : "iteration")}"),
            ("warm-up", WarmUp.Amount == 0 ? "none" : $"{WarmUp} from {N(WarmUpFactor)}"),
            ("frozen at first", Frozen.Count == 0 || FrozenFor.Amount == 0 ? "nothing" : $"{string.Join(", ", Frozen)} for {FrozenFor}"),
            ("distance", ComparesByCosine ? "cosine" : "euclidean"),
        ];
        return lines;
    }

    /// <summary>The first 16 digits of the SHA-256 of <see cref="Lines"/>: equal for equal recipes, on every system.</summary>
    public string Fingerprint()
    {
        var text = string.Join('\n', Lines().Select(line => $"{line.Name}: {line.Value}"));
        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)))[..16];
    }

    private string Augmentation()
    {
        List<string> steps = [];
        if (AutoAugment > 0) steps.Add($"AutoAugment {N(AutoAugment)}");
        if (CropArea is { } area) steps.Add($"random crop of at least {N(area)}");
        if (Flips) steps.Add("flip");
        if (Padding > 0) steps.Add($"pad {N(Padding)} and crop");
        var order = ErasingOrder == ErasingOrder.AfterNormalization ? "after" : "before";
        if (Erasing > 0) steps.Add($"erase {N(Erasing)} {order} normalization");
        return steps.Count == 0 ? "none" : string.Join(", ", steps);
    }

    private string Normalization()
    {
        var usual = new Normalize();
        var gray = Normalize.Gray();
        var (mean, deviation) = FileNormalization is { } file ? (file.Mean, file.Std) : Mean is { } one ? ([one], [one])
            : (usual.Mean, usual.Std);
        if (new[] { usual, gray }.Any(known => known.Mean.SequenceEqual(mean) && known.Std.SequenceEqual(deviation))) return "ImageNet's";
        return mean.Concat(deviation).Distinct().Count() == 1 ? $"mean and deviation {N(mean[0])}"
            : $"mean {Each(mean)}, deviation {Each(deviation)}";

        static string Each(IEnumerable<float> values) => string.Join(", ", values.Select(value => N(value)));
    }

    private TrainingSpan Scaled(TrainingSpan span, int epochs, Func<double, double> whole) => span.InEpochs
        ? TrainingSpan.Epochs(whole(span.Amount * epochs / Epochs))
        : TrainingSpan.Iterations((int)(span.Amount * epochs / Epochs));

    private static string N(double value) => value.ToString("0.##########", CultureInfo.InvariantCulture);
}
