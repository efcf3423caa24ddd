using MetricLearning.Testing;
using static TorchSharp.torch;

namespace MetricLearning.Onnx.Tests;

/// <summary>Models with their poolings, necks, parts and class scores give the same outputs in ONNX Runtime.</summary>
[LeavesNoTensors]
public class ModelExportTests
{
    private static readonly Dictionary<string, Func<EmbeddingModel>> models = new()
    {
        ["GeM, BNNeck"] = () => new(ResNet.ResNet18(), new GeMPooling(), new BNNeck(512), classes: 5),
        ["fixed GeM, L2"] = () => new(ResNet.ResNet18(), new GeMPooling(4, learnable: false), new L2Normalize(), classes: 5),
        ["average and maximum"] = () => new(ResNet.ResNet18(), new AverageMaxPooling(), classes: 5),
        ["maximum"] = () => new(ResNet.ResNet18(), new GlobalMaxPooling(), new BNNeck(512), classes: 5, classifierBias: true),
        ["fully connected"] = () => EmbeddingModel.TorchReId(OSNet.X025(), classes: 5),
    };

    public static TheoryData<string> Models => [.. models.Keys];

    [Theory, MemberData(nameof(Models))]
    public void EveryHead_GivesTheSameOutputs(string name)
    {
        using var scope = NewDisposeScope();
        using var model = Networks.Lived(models[name]());
        var images = randn(3, 3, 64, 32);
        using var network = new ExportedNetwork(model, new() { Outputs = ["embedding", "features", "logits"] });
        using var noGradient = no_grad();
        using var output = model.call(images);
        var results = network.Run(images);
        Numbers.Near(output.Embedding, results["embedding"]);
        Numbers.Near(output.Features, results["features"]);
        Numbers.Near(output.Logits!, results["logits"]);
    }

    [Theory]
    [InlineData(6, 64)]
    [InlineData(6, 96)]
    [InlineData(4, 64)]
    [InlineData(3, 80)]
    public void Pcb_GivesTheSameOutputs(int parts, int height)
    {
        using var scope = NewDisposeScope();
        using var model = Networks.Lived(new Pcb(ResNet.ResNet18(lastStride: 1), classes: 5, parts, reducedDimension: 32));
        GivesTheSameOutputs(model, randn(3, 3, height, 32));
    }

    [Theory]
    [InlineData(96)]
    [InlineData(112)]
    [InlineData(48)]
    public void Mgn_GivesTheSameOutputs(int height)
    {
        using var scope = NewDisposeScope();
        using var model = Networks.Lived(new Mgn(ResNet.ResNet18(lastStride: 1, ibn: InstanceBatchNorm.A), classes: 5));
        GivesTheSameOutputs(model, randn(3, 3, height, 32));
    }

    [Theory]
    [InlineData(4, 3, false)]
    [InlineData(4, 0, true)]
    [InlineData(0, 3, false)]
    public void TransReId_GivesTheSameOutputs(int groups, int sides, bool embedBehindNeck)
    {
        using var scope = NewDisposeScope();
        using var model = Networks.Lived(new TransReId(
            VisionTransformer.Tiny(64, 48, stride: 12, sides), classes: 5, groups, embedBehindNeck: embedBehindNeck));
        var images = randn(3, 3, 64, 48);
        var side = sides == 0 ? null : tensor(new long[] { 2, 0, 1 });
        using var noGradient = no_grad();
        using var output = model.call(images, side);
        using var network = new ExportedNetwork(model, new()
        {
            Space = new() { Height = 64, Width = 48 },
            Outputs = Names(output),
        });
        Same(output, network.Run(images, side));
    }

    private static void GivesTheSameOutputs(PartModel model, Tensor images)
    {
        using var noGradient = no_grad();
        using var output = model.call(images);
        using var network = new ExportedNetwork(model, new()
        {
            Space = new() { Height = (int)images.size(2), Width = (int)images.size(3) },
            Outputs = Names(output),
        });
        Same(output, network.Run(images));
    }

    private static string[] Names(PartOutput output) =>
        ["embedding", .. Names("features", output.Features.Count), .. Names("logits", output.Logits.Count)];

    private static IEnumerable<string> Names(string name, int count) =>
        Enumerable.Range(0, count).Select(i => count == 1 ? name : $"{name}.{i}");

    private static void Same(PartOutput expected, Dictionary<string, Tensor> actual)
    {
        Numbers.Near(expected.Embedding, actual["embedding"]);
        foreach (var (name, tensor) in Names("features", expected.Features.Count).Zip(expected.Features)
            .Concat(Names("logits", expected.Logits.Count).Zip(expected.Logits))) Numbers.Near(tensor, actual[name]);
    }
}
