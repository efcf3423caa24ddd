using MetricLearning.Testing;
using MetricLearning.Tests;
using static TorchSharp.torch;

namespace MetricLearning.Onnx.Tests;

/// <summary>Tests that weights come back in order from files of every backbone with every neck, folded or not.</summary>
[LeavesNoTensors]
public class FoldedWeightsTests
{
    private static readonly Dictionary<string, Func<long, Neck?>> necks = new()
    {
        ["none"] = _ => null,
        ["BNNeck"] = width => new BNNeck(width),
        ["FullyConnectedNeck"] = width => new FullyConnectedNeck(width, 16),
    };

    private static readonly bool[] both = [false, true];

    public static TheoryData<string, string, bool> Networks => [.. from backbone in BackboneCatalogue.Small.Keys
        from neck in necks.Keys from isFolded in both select (backbone, neck, isFolded)];

    [Theory, MemberData(nameof(Networks))]
    public void WeightsComeBackInOrder(string backbone, string neck, bool isFolded)
    {
        using var scope = NewDisposeScope();
        using var model = Onnx.Tests.Networks.Lived(Create());
        var channels = model.Backbone.ImageChannels;
        var (height, width) = model.Backbone is VisionTransformer ? (224, 224) : (64, 32);
        using var network = new ExportedNetwork(model,
            new() { FoldBatchNorms = isFolded, Space = new() { Height = height, Width = width } });
        using var other = Create();
        other.eval();
        Assert.True(OnnxFile.LoadWeightsInOrder(other, network.Path).IsExact);
        var images = randn(2, channels, height, width);
        Numbers.Near(model.Embed(images), other.Embed(images), 1e-4);

        EmbeddingModel Create()
        {
            var made = BackboneCatalogue.Small[backbone]();
            return new EmbeddingModel(made, neck: necks[neck](made.Channels));
        }
    }
}
