namespace MetricLearning.Tests;

/// <summary>A row of the table in docs/backbones.md.</summary>
/// <param name="Name">The first cell of its row.</param>
/// <param name="Make">The code in the row that creates the backbone.</param>
/// <param name="Create">Creates the backbone by the same code.</param>
/// <param name="Height">The height of the image for which the row states multiply-adds.</param>
/// <param name="Width">The width of this image.</param>
/// <param name="Weights">The publisher whose weights can be loaded, and the names of the weights.</param>
public sealed record BackboneRow(string Name, string Make, Func<Backbone> Create, int Height, int Width, string Weights);

/// <summary>Lists every backbone of docs/backbones.md. The tests run over all of them.</summary>
internal static class BackboneCatalogue
{
    private const string Torchvision = "torchvision (`WeightNames.Torchvision`)";
    private const string FastReId = "fast-reid (`FastReId`, with `stem: ResNetStem.FastReId`)";
    private const string IbnNet = "IBN-Net (`Torchvision`)";
    private const string TorchReId = "torchreid (`TorchReId`)";
    private const string Timm = "timm, DeiT (`Timm`)";

    public static IReadOnlyList<BackboneRow> Rows { get; } =
    [
        new("ResNet-18", "ResNet.ResNet18()", () => ResNet.ResNet18(), 256, 128, Torchvision),
        new("ResNet-18 of CNTK", "ResNet.CntkResNet18()", () => ResNet.CntkResNet18(), 256, 128,
            "Microsoft.ML.DnnImageFeaturizer.ResNet18 ([onnx.md](onnx.md))"),
        new("ResNet-34", "ResNet.ResNet34()", () => ResNet.ResNet34(), 256, 128, Torchvision),
        new("ResNet-50", "ResNet.ResNet50()", () => ResNet.ResNet50(), 256, 128, Torchvision),
        new("ResNet-50, last stride 1", "ResNet.ResNet50(lastStride: 1)", () => ResNet.ResNet50(lastStride: 1), 256, 128,
            Torchvision + "; reid-strong-baseline (`StrongBaseline`, with `stem: ResNetStem.StrongBaseline`); " + FastReId),
        new("ResNet-101", "ResNet.ResNet101()", () => ResNet.ResNet101(), 256, 128, Torchvision),
        new("ResNet-152", "ResNet.ResNet152()", () => ResNet.ResNet152(), 256, 128, Torchvision),
        new("ResNet-50-IBN-a", "ResNet.ResNet50(ibn: InstanceBatchNorm.A)", () => ResNet.ResNet50(ibn: InstanceBatchNorm.A), 256, 128,
            IbnNet + "; " + FastReId),
        new("ResNet-50-IBN-b", "ResNet.ResNet50(ibn: InstanceBatchNorm.B)", () => ResNet.ResNet50(ibn: InstanceBatchNorm.B), 256, 128,
            IbnNet),
        new("ResNet-101-IBN-a", "ResNet.ResNet101(ibn: InstanceBatchNorm.A)", () => ResNet.ResNet101(ibn: InstanceBatchNorm.A), 256, 128,
            IbnNet + "; " + FastReId),
        new("SE-ResNet-50", "ResNet.ResNet50(squeezeExcitation: true)", () => ResNet.ResNet50(squeezeExcitation: true), 256, 128, FastReId),
        new("SE-ResNet-101-IBN-a", "ResNet.ResNet101(ibn: InstanceBatchNorm.A, squeezeExcitation: true)",
            () => ResNet.ResNet101(ibn: InstanceBatchNorm.A, squeezeExcitation: true), 256, 128, IbnNet + "; " + FastReId),
        new("ResNet-50-NL (AGW)", "ResNet.ResNet50(lastStride: 1, nonLocal: true)", () => ResNet.ResNet50(lastStride: 1, nonLocal: true),
            256, 128,
            "AGW (`StrongBaseline`, with `stem: ResNetStem.StrongBaseline`); " + FastReId),
        new("OSNet x1.0", "OSNet.X100()", () => OSNet.X100(), 256, 128, TorchReId),
        new("OSNet x0.75", "OSNet.X075()", () => OSNet.X075(), 256, 128, TorchReId),
        new("OSNet x0.5", "OSNet.X050()", () => OSNet.X050(), 256, 128, TorchReId),
        new("OSNet x0.25", "OSNet.X025()", () => OSNet.X025(), 256, 128, TorchReId),
        new("OSNet-IBN x1.0", "OSNet.X100(OSNetVariant.Ibn)", () => OSNet.X100(OSNetVariant.Ibn), 256, 128, TorchReId),
        new("OSNet-AIN x1.0", "OSNet.X100(OSNetVariant.Ain)", () => OSNet.X100(OSNetVariant.Ain), 256, 128, TorchReId),
        new("OSNet-AIN x0.75", "OSNet.X075(OSNetVariant.Ain)", () => OSNet.X075(OSNetVariant.Ain), 256, 128, TorchReId),
        new("OSNet-AIN x0.5", "OSNet.X050(OSNetVariant.Ain)", () => OSNet.X050(OSNetVariant.Ain), 256, 128, TorchReId),
        new("OSNet-AIN x0.25", "OSNet.X025(OSNetVariant.Ain)", () => OSNet.X025(OSNetVariant.Ain), 256, 128, TorchReId),
        new("MobileNetV2", "new MobileNetV2()", () => new MobileNetV2(), 256, 128, Torchvision),
        new("MobileNetV2 of torchreid", "new MobileNetV2(1, MobileNetV2Dialect.TorchReId)",
            () => new MobileNetV2(1, MobileNetV2Dialect.TorchReId), 256, 128,
            "torchreid (`TorchReIdMobileNetV2`)"),
        new("MobileNetV2 x1.4 of torchreid", "new MobileNetV2(1.4, MobileNetV2Dialect.TorchReId)",
            () => new MobileNetV2(1.4, MobileNetV2Dialect.TorchReId), 256, 128,
            "torchreid (`TorchReIdMobileNetV2`)"),
        new("ViT-Ti/16", "VisionTransformer.Tiny(256, 128)", () => VisionTransformer.Tiny(256, 128), 256, 128, Timm),
        new("ViT-S/16", "VisionTransformer.Small(256, 128)", () => VisionTransformer.Small(256, 128), 256, 128, Timm),
        new("ViT-B/16", "VisionTransformer.Base(256, 128)", () => VisionTransformer.Base(256, 128), 256, 128, Timm),
        new("ViT-B/16, stride 12 (TransReID)", "VisionTransformer.Base(256, 128, stride: 12)",
            () => VisionTransformer.Base(256, 128, stride: 12), 256, 128,
            Timm + "; TransReID (`TransReId`, `StrongBaseline` without the jigsaw)"),
        new("ConvNet4", "new ConvNet4()", () => new ConvNet4(), 28, 28, "-"),
    ];

    /// <summary>Small networks of each kind, and with the main options, by name. The tests of all backbones run over them.</summary>
    public static IReadOnlyDictionary<string, Func<Backbone>> Small { get; } = new Dictionary<string, Func<Backbone>>
    {
        ["ResNet18"] = () => ResNet.ResNet18(),
        ["ResNet18_IBN_a"] = () => ResNet.ResNet18(ibn: InstanceBatchNorm.A),
        ["ResNet18_IBN_b"] = () => ResNet.ResNet18(ibn: InstanceBatchNorm.B),
        ["SE_ResNet18"] = () => ResNet.ResNet18(squeezeExcitation: true),
        ["SE_ResNet50_IBN_a_NL"] = () => ResNet.ResNet50(ibn: InstanceBatchNorm.A, squeezeExcitation: true, nonLocal: true),
        ["OSNet_x1_0"] = () => OSNet.X100(),
        ["OSNet_IBN_x1_0"] = () => OSNet.X100(OSNetVariant.Ibn),
        ["OSNet_AIN_x1_0"] = () => OSNet.X100(OSNetVariant.Ain),
        ["MobileNetV2_x1.0"] = () => new MobileNetV2(),
        ["ViT_Ti_16"] = () => VisionTransformer.Tiny(),
        ["ConvNet4"] = () => new ConvNet4(),
    };
}
