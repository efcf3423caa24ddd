using MetricLearning.Testing;
using static TorchSharp.torch;

namespace MetricLearning.Onnx.Tests;

/// <summary>Tests that weights are read from ONNX files, by name and by order.</summary>
[LeavesNoTensors]
public class WeightReadingTests
{
    private const string Published = "osnet_x0_25_msmt17";

    [Fact]
    public void ANetworkOfThisLibrary_ComesBackByName()
    {
        using var scope = NewDisposeScope();
        using var model = Networks.Lived(new EmbeddingModel(ResNet.ResNet18(), new GeMPooling(), new BNNeck(512), classes: 4));
        using var network = new ExportedNetwork(model, new() { Outputs = ["embedding", "logits"] });
        using var other = new EmbeddingModel(ResNet.ResNet18(), new GeMPooling(), new BNNeck(512), classes: 4);

        var report = OnnxFile.LoadWeights(other, network.Path);

        Assert.True(report.IsExact);
        SameState(model, other);
    }

    [Fact]
    public void TheReaderOfOtherFiles_SaysWhatReadsThisOne()
    {
        using var scope = NewDisposeScope();
        using var model = new EmbeddingModel(new ConvNet4());
        using var network = new ExportedNetwork(model);
        var error = Assert.Throws<InvalidDataException>(() => model.LoadWeights(network.Path));
        Assert.Contains("OnnxFile.LoadWeights", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void WhatDoesNotFit_IsReported()
    {
        using var scope = NewDisposeScope();
        using var model = new EmbeddingModel(ResNet.ResNet18());
        using var network = new ExportedNetwork(model);
        using var other = new EmbeddingModel(ResNet.ResNet18(), neck: new BNNeck(512));
        var error = Assert.Throws<InvalidDataException>(() => OnnxFile.LoadWeights(other, network.Path));
        Assert.Contains("neck.bn.weight", error.Message, StringComparison.Ordinal);
        Assert.StartsWith(network.Path, error.Message, StringComparison.Ordinal);
        var report = OnnxFile.LoadWeights(other, network.Path, strict: false);
        Assert.Equal(4, report.Missing.Count);
        Assert.Empty(report.Unexpected);
    }

    [Theory]
    [InlineData(false, false)]
    [InlineData(true, false)]
    [InlineData(true, true)]
    public void EveryNetwork_ComesBackByOrder(bool folded, bool half)
    {
        using var scope = NewDisposeScope();
        foreach (var create in new Func<nn.Module>[]
        {
            () => EmbeddingModel.TorchReId(OSNet.X025(OSNetVariant.Ain), classes: 3),
            () => new EmbeddingModel(ResNet.ResNet18(ibn: InstanceBatchNorm.A, squeezeExcitation: true), new GeMPooling(), new BNNeck(512)),
            () => new EmbeddingModel(VisionTransformer.Tiny(64, 32), classes: 3),
            () => new Pcb(ResNet.ResNet18(lastStride: 1), classes: 2, parts: 2),
        })
        {
            using var model = Networks.Lived(create());
            using var network = new ExportedNetwork(model, new()
            {
                FoldBatchNorms = folded,
                HalfWeights = half,
                Space = new() { Height = 64, Width = 32 },
                Outputs = model is Pcb ? ["embedding", "logits.0", "logits.1"]
                    : model is EmbeddingModel { Classes: > 0 } ? ["embedding", "logits"] : null,
            });
            using var other = create();
            other.eval();
            var report = OnnxFile.LoadWeightsInOrder(other, network.Path);
            Assert.True(report.IsExact);
            if (!folded) SameState(model, other);
            var images = randn(2, 3, 64, 32);
            Numbers.Near(Embedded(model, images), Embedded(other, images), half ? 0.05 : 1e-4);
        }

        static Tensor Embedded(nn.Module model, Tensor images) =>
            model is EmbeddingModel whole ? whole.Embed(images) : ((PartModel)model).Embed(images);
    }

    [Fact]
    public void ANetworkOfAnotherShape_IsRefused_AndTheModelStays()
    {
        using var scope = NewDisposeScope();
        using var model = new EmbeddingModel(ResNet.ResNet18());
        using var network = new ExportedNetwork(model);
        using var other = new EmbeddingModel(ResNet.ResNet18(squeezeExcitation: true));
        using var before = other.state_dict()["backbone.conv1.weight"].clone();
        var error = Assert.Throws<InvalidDataException>(() => OnnxFile.LoadWeightsInOrder(other, network.Path));
        Assert.StartsWith(network.Path, error.Message, StringComparison.Ordinal);
        Assert.Contains("backbone.layer1.0.se.fc.0.weight' [", error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("[4]", error.Message, StringComparison.Ordinal);
        Assert.True(before.equal(other.state_dict()["backbone.conv1.weight"]).all().item<bool>());
    }

    [Fact]
    public void ThePublishedNetwork_GivesTheReferenceThroughExport()
    {
        var weights = SharedData.Require("data", "checkpoints", Published + ".pth");
        using var arrays = new NumPyArchive(SharedData.Require("data", "golden", $"io_{Published}.npz"));
        using var scope = NewDisposeScope();
        using var model = EmbeddingModel.TorchReId(OSNet.X025(), classes: 1041);
        model.LoadWeights(weights, rename: WeightNames.TorchReId());
        foreach (var folded in new[] { false, true })
        {
            using var network = new ExportedNetwork(model, new() { FoldBatchNorms = folded, Outputs = ["embedding", "logits"] });
            var results = network.Run(arrays.Read("input_nchw"));
            Numbers.Near(arrays.Read("feature"), results["embedding"]);
            Numbers.Near(arrays.Read("logits"), results["logits"]);
        }
    }

    [Fact]
    public void ThePublishedOnnxFile_LoadsByOrder_AndGivesTheReference()
    {
        var path = SharedData.Require("data", "checkpoints", Published + ".onnx");
        using var arrays = new NumPyArchive(SharedData.Require("data", "golden", $"io_{Published}.npz"));
        using var scope = NewDisposeScope();
        using var model = EmbeddingModel.TorchReId(OSNet.X025());
        var report = OnnxFile.LoadWeightsInOrder(model, path);
        model.eval();
        Assert.True(report.IsExact);
        Numbers.Near(arrays.Read("feature"), model.Embed(arrays.Read("input_nchw")));
    }

    private static void SameState(nn.Module expected, nn.Module actual)
    {
        var state = actual.state_dict();
        foreach (var (name, tensor) in expected.state_dict())
            if (!name.EndsWith("num_batches_tracked", StringComparison.Ordinal))
                Assert.True(tensor.equal(state[name]).all().item<bool>(), name);
    }
}
