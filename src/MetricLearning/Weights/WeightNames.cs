namespace MetricLearning;

/// <summary>Functions for <c>LoadWeights</c> that map a tensor's name in a published file to its name in the model, or to null to leave the
/// tensor out.</summary>
/// <remarks>
/// <para>Each first removes <c>module.</c>, which PyTorch's DataParallel puts before names.</para>
/// <para>Thread safety: any number of threads may use them at once.</para>
/// </remarks>
public static class WeightNames
{
    // The places among torchvision's features at which the stages of torchreid's MobileNetV2 start.
    private static readonly int[] mobileStages = [1, 2, 4, 7, 11, 14, 17];

    /// <summary>Removes a prefix, such as <c>module.</c>, from the names that have it.</summary>
    /// <param name="prefix">The prefix, with its dot.</param>
    /// <exception cref="ArgumentException">The prefix is null or empty.</exception>
    public static Func<string, string?> WithoutPrefix(string prefix)
    {
        ArgumentException.ThrowIfNullOrEmpty(prefix);
        return name => Without(prefix, name);
    }

    /// <summary>This library's own models, from a training checkpoint or a state dict: names stay, except for the prefix
    /// <c>module.</c>.</summary>
    /// <param name="classifier">False to leave the file's classifiers out, as for a model that only embeds. Default: true.</param>
    public static Func<string, string?> Own(bool classifier = true) => name =>
        WithoutModule(name) is var plain && (classifier || !IsClassifier(plain)) ? plain : null;

    /// <summary>Whether a tensor belongs to a classifier of one of this library's models.</summary>
    internal static bool IsClassifier(string name) => name.StartsWith("classifier", StringComparison.Ordinal)
        || (!name.StartsWith("backbone.", StringComparison.Ordinal) && name.EndsWith("_head.weight", StringComparison.Ordinal));

    /// <summary>torchreid's OSNet into an <see cref="EmbeddingModel"/>: <c>fc.</c> and <c>classifier.</c> keep their names, the rest
    /// belongs to the backbone.</summary>
    /// <param name="classifier">False to leave the file's classifier out, as for training on other identities. Default: true.</param>
    public static Func<string, string?> TorchReId(bool classifier = true) => name =>
    {
        var plain = WithoutModule(name);
        if (IsOf("classifier", plain)) return classifier ? plain : null;
        return IsOf("fc", plain) ? plain : "backbone." + plain;
    };

    /// <summary>torchreid's MobileNetV2 into an <see cref="EmbeddingModel"/> whose backbone has the dialect
    /// <see cref="MobileNetV2Dialect.TorchReId"/>.</summary>
    /// <param name="classifier">False to leave the file's classifier out. Default: true.</param>
    public static Func<string, string?> TorchReIdMobileNetV2(bool classifier = true) => name =>
    {
        var plain = WithoutModule(name);
        if (IsOf("classifier", plain)) return classifier ? plain : null;
        var parts = plain.Split('.');
        if (parts.Length < 3 || !parts[0].StartsWith("conv", StringComparison.Ordinal)
            || !int.TryParse(parts[0].AsSpan(4), out var stage)) return plain;
        return "backbone.features." + stage switch
        {
            1 => $"0.{Layer(parts[1])}.{parts[^1]}",
            9 => $"18.{Layer(parts[1])}.{parts[^1]}",
            >= 2 and <= 8 when int.TryParse(parts[1], out var block) && parts.Length == 5 =>
                $"{mobileStages[stage - 2] + block}.conv." + parts[2] switch
            {
                "conv1" => $"0.{Layer(parts[3])}.{parts[4]}",
                "dwconv2" => $"1.{Layer(parts[3])}.{parts[4]}",
                _ => $"{(parts[3] == "0" ? 2 : 3)}.{parts[4]}",
            },
            _ => plain,
        };

        static int Layer(string part) => part == "conv" ? 0 : 1;
    };

    /// <summary>torchreid's PCB into a <see cref="Pcb"/>: <c>conv5.</c> and <c>classifier.</c> keep their names, the rest belongs to the
    /// backbone.</summary>
    /// <param name="classifier">False to leave the file's classifiers out. Default: true.</param>
    public static Func<string, string?> TorchReIdPcb(bool classifier = true) => name =>
    {
        var plain = WithoutModule(name);
        if (IsOf("classifier", plain)) return classifier ? plain : null;
        return IsOf("conv5", plain) ? plain : "backbone." + plain;
    };

    /// <summary>torchvision's networks and IBN-Net's into an <see cref="EmbeddingModel"/>: everything belongs to the backbone, and
    /// ImageNet's classifier (<c>fc</c>, <c>classifier</c>) is left out.</summary>
    public static Func<string, string?> Torchvision() => name =>
    {
        var plain = WithoutModule(name);
        return IsOf("fc", plain) || IsOf("classifier", plain) ? null : "backbone." + plain;
    };

    /// <summary>timm's vision transformers and DeiT's into an <see cref="EmbeddingModel"/>: everything belongs to the backbone, and
    /// ImageNet's classifier (<c>head</c>) is left out.</summary>
    public static Func<string, string?> Timm() => name =>
    {
        var plain = WithoutModule(name);
        return IsOf("head", plain) ? null : "backbone." + plain;
    };

    /// <summary>
    /// reid-strong-baseline (Bag of Tricks), AGW and TransReID without the jigsaw into an <see cref="EmbeddingModel"/> with a
    /// <see cref="BNNeck"/>: <c>base.</c> is the backbone, <c>bottleneck.</c> the neck, <c>global_pool.</c> the pooling. A transformer's
    /// own ImageNet classifier (<c>base.fc</c>) is left out.
    /// </summary>
    /// <param name="classifier">False to leave the file's classifier out. Default: true.</param>
    public static Func<string, string?> StrongBaseline(bool classifier = true) => name =>
    {
        var plain = WithoutModule(name);
        if (IsOf("classifier", plain)) return classifier ? plain : null;
        if (IsOf("base.fc", plain)) return null;
        if (IsOf("base", plain)) return "backbone." + plain["base.".Length..].Replace(".g.0.", ".g.", StringComparison.Ordinal);
        if (IsOf("bottleneck", plain)) return "neck.bn." + plain["bottleneck.".Length..];
        return IsOf("global_pool", plain) ? "pooling." + plain["global_pool.".Length..] : plain;
    };

    /// <summary>
    /// fast-reid's baselines into an <see cref="EmbeddingModel"/> with a <see cref="BNNeck"/>: <c>heads.bottleneck.0</c> (once
    /// <c>heads.bnneck</c>) is the neck, <c>heads.weight</c> (once <c>heads.classifier.weight</c>) the classifier, <c>heads.pool_layer</c>
    /// the pooling. The pixels' mean and deviation are left out.
    /// </summary>
    /// <param name="classifier">False to leave the file's classifier out. Default: true.</param>
    public static Func<string, string?> FastReId(bool classifier = true) => name =>
    {
        var plain = WithoutModule(name);
        if (IsPixelStatistic(plain)) return null;
        if (plain is "heads.weight" or "heads.classifier.weight") return classifier ? "classifier.weight" : null;
        foreach (var (theirs, ours) in
            new[] { ("heads.bottleneck.0", "neck.bn"), ("heads.bnneck", "neck.bn"), ("heads.pool_layer", "pooling") })
            if (IsOf(theirs, plain)) return ours + plain[theirs.Length..];
        return plain;
    };

    /// <summary>fast-reid's MGN into an <see cref="Mgn"/>: names stay; the pixels' mean and deviation are left out.</summary>
    /// <param name="classifier">False to leave the file's classifiers out. Default: true.</param>
    public static Func<string, string?> FastReIdMgn(bool classifier = true) => name =>
    {
        var plain = WithoutModule(name);
        return IsPixelStatistic(plain) || (!classifier && plain.EndsWith("_head.weight", StringComparison.Ordinal)) ? null : plain;
    };

    /// <summary>TransReID into a <see cref="TransReId"/>: names stay, except those of the necks; the transformer's own ImageNet classifier
    /// (<c>base.fc</c>) is left out.</summary>
    /// <param name="classifier">False to leave the file's classifiers out. Default: true.</param>
    public static Func<string, string?> TransReId(bool classifier = true) => name =>
    {
        var plain = WithoutModule(name);
        if (IsOf("base.fc", plain) || (!classifier && plain.StartsWith("classifier", StringComparison.Ordinal))) return null;
        return plain.StartsWith("bottleneck", StringComparison.Ordinal) && plain.Split('.') is [var neck, var part]
            ? $"{neck}.bn.{part}" : plain;
    };

    private static string WithoutModule(string name) => Without("module.", name);

    private static string Without(string prefix, string name) =>
        name.StartsWith(prefix, StringComparison.Ordinal) ? name[prefix.Length..] : name;

    private static bool IsOf(string part, string name) => name.StartsWith(part + ".", StringComparison.Ordinal);

    private static bool IsPixelStatistic(string name) => name is "pixel_mean" or "pixel_std";
}
