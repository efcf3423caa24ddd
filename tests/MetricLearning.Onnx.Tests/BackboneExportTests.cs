using MetricLearning.Tests;
using MetricLearning.Testing;
using static TorchSharp.torch;

namespace MetricLearning.Onnx.Tests;

/// <summary>Every backbone of docs/backbones.md gives the same features in ONNX Runtime.</summary>
[LeavesNoTensors]
public class BackboneExportTests
{
    public static TheoryData<string> Names => [.. BackboneCatalogue.Rows.Select(row => row.Name)];

    public static TheoryData<string> SmallNames => [.. BackboneCatalogue.Small.Keys];

    [Theory, MemberData(nameof(Names))]
    public void EveryBackbone_GivesTheSameFeatures(string name)
    {
        var row = BackboneCatalogue.Rows.Single(row => row.Name == name);
        GivesTheSameFeatures(row.Create, row.Height == 28 ? (28, 28) : (64, 32));
    }

    [Theory, MemberData(nameof(SmallNames))]
    public void EveryOption_GivesTheSameFeatures(string name) =>
        GivesTheSameFeatures(BackboneCatalogue.Small[name], name == "ConvNet4" ? (28, 28) : (64, 32));

    [Theory]
    [InlineData(ResNetStem.FastReId, 64, 32)]
    [InlineData(ResNetStem.FastReId, 71, 45)]
    [InlineData(ResNetStem.StrongBaseline, 64, 32)]
    [InlineData(ResNetStem.Torchvision, 71, 45)]
    public void EveryStem_GivesTheSameFeatures(ResNetStem stem, int height, int width) =>
        GivesTheSameFeatures(() => ResNet.ResNet18(stem: stem), (height, width));

    [Fact]
    public void PatchesAsMap_GiveTheSameFeatures() =>
        GivesTheSameFeatures(() => VisionTransformer.Tiny(64, 48, stride: 12, feature: TransformerFeature.Patches), (64, 48));

    private static void GivesTheSameFeatures(Func<Backbone> create, (int Height, int Width) size)
    {
        using var scope = NewDisposeScope();
        manual_seed(3);
        var backbone = create();
        using var model = Networks.Lived(new EmbeddingModel(backbone, neck: new BNNeck(backbone.Channels)));
        using var network = new ExportedNetwork(model, new() { Space = new() { Height = size.Height, Width = size.Width } });
        foreach (var batch in new[] { 1, 7 })
        {
            var images = randn(batch, backbone.ImageChannels, size.Height, size.Width);
            Numbers.Near(model.Embed(images), network.Run(images)["embedding"]);
        }
    }
}
