using MetricLearning;
using MetricLearning.Vision;
using PersonReId.Recipes;
using TorchSharp;
using static TorchSharp.torch;

namespace PersonReId;

/// <summary>The networks that the command line knows by name.</summary>
internal static class Networks
{
    private static readonly Dictionary<string, Func<int, EmbeddingModel>> all = new()
    {
        ["osnet_x0_25"] = classes => EmbeddingModel.TorchReId(OSNet.X025(), classes),
        ["osnet_x0_5"] = classes => EmbeddingModel.TorchReId(OSNet.X050(), classes),
        ["osnet_x0_75"] = classes => EmbeddingModel.TorchReId(OSNet.X075(), classes),
        ["osnet_x1_0"] = classes => EmbeddingModel.TorchReId(OSNet.X100(), classes),
        ["osnet_ibn_x1_0"] = classes => EmbeddingModel.TorchReId(OSNet.X100(OSNetVariant.Ibn), classes),
        ["osnet_ain_x0_25"] = classes => EmbeddingModel.TorchReId(OSNet.X025(OSNetVariant.Ain), classes),
        ["osnet_ain_x0_5"] = classes => EmbeddingModel.TorchReId(OSNet.X050(OSNetVariant.Ain), classes),
        ["osnet_ain_x0_75"] = classes => EmbeddingModel.TorchReId(OSNet.X075(OSNetVariant.Ain), classes),
        ["osnet_ain_x1_0"] = classes => EmbeddingModel.TorchReId(OSNet.X100(OSNetVariant.Ain), classes),
        ["resnet18"] = classes => WithNeck(ResNet.ResNet18(lastStride: 1), classes),
        [PublishedWeights.Architecture] = classes => WithNeck(ResNet.CntkResNet18(lastStride: 1), classes),
        ["resnet34"] = classes => WithNeck(ResNet.ResNet34(lastStride: 1), classes),
        ["resnet50"] = classes => WithNeck(ResNet.ResNet50(lastStride: 1), classes),
        ["resnet101"] = classes => WithNeck(ResNet.ResNet101(lastStride: 1), classes),
        ["resnet50_ibn_a"] = classes => WithNeck(ResNet.ResNet50(lastStride: 1, ibn: InstanceBatchNorm.A), classes),
        ["resnet50_ibn_b"] = classes => WithNeck(ResNet.ResNet50(lastStride: 1, ibn: InstanceBatchNorm.B), classes),
        ["resnet101_ibn_a"] = classes => WithNeck(ResNet.ResNet101(lastStride: 1, ibn: InstanceBatchNorm.A), classes),
        ["se_resnet50"] = classes => WithNeck(ResNet.ResNet50(lastStride: 1, squeezeExcitation: true), classes),
        ["se_resnet101_ibn_a"] = classes => WithNeck(
            ResNet.ResNet101(lastStride: 1, ibn: InstanceBatchNorm.A, squeezeExcitation: true), classes),
        ["resnet50_nl"] = classes => WithNeck(ResNet.ResNet50(lastStride: 1, nonLocal: true), classes, new GeMPooling()),
        ["convnet4"] = classes => WithNeck(new ConvNet4(), classes),
        ["mobilenetv2"] = classes => WithNeck(new MobileNetV2(), classes),
        ["vit_tiny"] = classes => WithNeck(VisionTransformer.Tiny(256, 128, dropPath: 0.1), classes),
        ["vit_small"] = classes => WithNeck(VisionTransformer.Small(256, 128, dropPath: 0.1), classes),
        ["vit_base"] = classes => WithNeck(VisionTransformer.Base(256, 128, dropPath: 0.1), classes),
    };

    static Networks()
    {
        // Variants without tricks of Bag of Tricks: in some the last stage halves the map once more, in some nothing follows the pooling.
        foreach (var (name, backbone) in new (string, Func<long, Backbone>)[]
        {
            ("resnet18", stride => ResNet.ResNet18(lastStride: (int)stride)),
            (PublishedWeights.Architecture, stride => ResNet.CntkResNet18(lastStride: (int)stride)),
            ("resnet34", stride => ResNet.ResNet34(lastStride: (int)stride)),
            ("resnet50", stride => ResNet.ResNet50(lastStride: (int)stride)),
        })
        {
            all.Add(name + Stride2, classes => WithNeck(backbone(2), classes));
            all.Add(name + Plain, classes => new EmbeddingModel(backbone(1), classes: classes));
            all.Add(name + Stride2 + Plain, classes => new EmbeddingModel(backbone(2), classes: classes));
        }
        all.Add("convnet4" + Plain, classes => new EmbeddingModel(new ConvNet4(), classes: classes));
    }

    private const string Stride2 = "_s2", Plain = "_plain";

    public static IReadOnlyCollection<string> Names => all.Keys;

    /// <summary>Returns the name of the same network whose last stage has a stride of 2.</summary>
    /// <exception cref="UserErrorException">The network has no such variant.</exception>
    public static string WithLastStride2(string name) => name.Contains(Stride2, StringComparison.Ordinal) ? name
        : name.EndsWith(Plain, StringComparison.Ordinal) ? Variant(name[..^Plain.Length], Stride2 + Plain)
        : Variant(name, Stride2);

    /// <summary>Returns the name of the same network without a neck.</summary>
    /// <exception cref="UserErrorException">The network has no such variant.</exception>
    public static string WithoutNeck(string name) =>
        name.EndsWith(Plain, StringComparison.Ordinal) ? name : Variant(name, Plain);

    /// <summary>Returns the name of the network from which one is made by leaving out tricks.</summary>
    public static string BeforeOmission(string name, IReadOnlyCollection<Trick> omitted)
    {
        if (omitted.Contains(Trick.BNNeck) && name.EndsWith(Plain, StringComparison.Ordinal)) name = name[..^Plain.Length];
        return omitted.Contains(Trick.LastStride) ? name.Replace(Stride2, "", StringComparison.Ordinal) : name;
    }

    private static string Variant(string name, string ending) => all.ContainsKey(name + ending) ? name + ending
        : throw new WrongOptionException($"The network {name} has no variant {name}{ending}. These networks have one: "
            + string.Join(", ", all.Keys.Where(other => other.EndsWith(ending, StringComparison.Ordinal)).Select(o => o[..^ending.Length]))
            + ".");

    /// <summary>Creates a network on its device and in evaluation mode, with the weights of the file that the settings name, if
    /// any.</summary>
    /// <param name="settings">Which network.</param>
    /// <param name="classes">The number of identities that training tells apart; 0 for a network that only embeds.</param>
    public static EmbeddingModel Create(NetworkSettings settings, int classes = 0)
    {
        var model = all[settings.Architecture](classes);
        if (settings.ImageNet) Ui.Line($"weights: {PublishedWeights.Load(model.Backbone)} (ImageNet)");
        else if (settings.Weights is { } file) Ui.Line($"weights: {Load(model, file.FullName)} ({file.Name})");
        if (settings.Half) model.to(ScalarType.BFloat16);
        model.eval();
        return model.to(DeviceOf(settings));
    }

    /// <summary>The embedding space of a network: how its images are prepared. The file of its weights says it, or else the settings. By
    /// default images are resized bilinearly and normalized by ImageNet's mean and deviation, in color or in one channel of gray.</summary>
    public static EmbeddingSpace SpaceOf(NetworkSettings settings, EmbeddingModel model)
    {
        var usual = model.Backbone.ImageChannels == 1 ? Normalize.Gray() : new Normalize();
        return new EmbeddingSpace
        {
            Architecture = settings.Architecture,
            Layer = settings.Layer ?? EmbeddingSpace.EmbeddingLayer,
            Dimension = settings.Layer is null ? model.EmbeddingDimension : null,
            Height = settings.Height,
            Width = settings.Width,
            Interpolation = settings.File?.Interpolation ?? settings.Interpolation,
            Mean = settings.File?.Mean ?? Each(settings.Mean) ?? usual.Mean,
            Deviation = settings.File?.Deviation ?? Each(settings.Mean) ?? usual.Std,
        };

        IReadOnlyList<float>? Each(float? value) => value is { } one ? [.. usual.Mean.Select(_ => one)] : null;
    }

    public static Device DeviceOf(NetworkSettings settings) => settings.Device switch
    {
        "cuda" when !cuda.is_available() => throw new UserErrorException(
            "There is no CUDA device, or this build has the CPU backend (build with -p:TorchBackend=cuda)."),
        "cuda" => CUDA,
        "auto" when cuda.is_available() => CUDA,
        _ => CPU,
    };

    private static EmbeddingModel WithNeck(Backbone backbone, int classes, Pooling? pooling = null) =>
        new(backbone, pooling, new BNNeck(backbone.Channels), classes);

    /// <summary>
    /// Loads this sample's own checkpoints, torchreid's OSNet, timm's vision transformers, or torchvision's and IBN-Net's networks. It
    /// ignores a classifier with another number of identities. One with the same number is loaded, because a run that trains further on
    /// the same people needs it; the result says so, because the people may be others.
    /// </summary>
    private static string Load(EmbeddingModel model, string path)
    {
        using var weights = WeightFile.Read(path);
        var ofOwn = WeightNames.Own();
        var own = weights.Keys.Any(name => ofOwn(name)!.StartsWith("backbone.", StringComparison.Ordinal));     // this library's models
        var names = own ? ofOwn
            : model.Backbone switch
            {
                OSNet => WeightNames.TorchReId(),
                VisionTransformer => WeightNames.Timm(),
                _ => WeightNames.Torchvision(),
            };
        var sameIdentities = weights.Any(entry => names(entry.Key) == "classifier.weight" && entry.Value.size(0) == model.Classes);
        var report = model.LoadWeights(weights, strict: false,
            name => names(name) is { } target && (sameIdentities || !IsHead(target)) ? target : null);
        var needed = report.Missing.Where(name => !IsHead(name) && (own || !IsAddition(name)));
        if (report.Unexpected.Count + report.Mismatched.Count > 0 || needed.Any())
            throw new UserErrorException(
                $"{path} does not fit this network ({report.Matched.Count} tensors match, {report.Missing.Count} are missing, "
                + $"{report.Unexpected.Count} unexpected, {report.Mismatched.Count} of another shape). Is --arch right?");
        return $"{report.Matched.Count} tensors loaded, {report.Missing.Count} start anew"
            + (sameIdentities
                ? $"; the classifier of the file's {model.Classes} identities is loaded, as if they were those of --data" : "");
    }

    private static bool IsHead(string name) => name.StartsWith("classifier.", StringComparison.Ordinal);

    /// <summary>Whether published backbones lack this tensor: those of the neck, the exponent of the pooling, and the non-local blocks,
    /// which start as the identity function.</summary>
    private static bool IsAddition(string name) => name.StartsWith("neck.", StringComparison.Ordinal)
        || name.StartsWith("pooling.", StringComparison.Ordinal) || name.StartsWith("backbone.NL_", StringComparison.Ordinal);
}
