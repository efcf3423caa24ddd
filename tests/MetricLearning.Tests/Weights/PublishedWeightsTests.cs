using System.Text.Json;
using MetricLearning.Testing;
using TorchSharp;
using static TorchSharp.torch;

namespace MetricLearning.Tests;

/// <summary>Tests that a published OSNet x0.25 gives, stage by stage, the values of PyTorch on real images.</summary>
[LeavesNoTensors]
public class PublishedWeightsTests
{
    private const string Name = "osnet_x0_25_msmt17";
    private const int Identities = 1041;

    [Theory]
    [InlineData(".pth")]
    [InlineData(".safetensors")]
    public void OSNet_GivesTheReferenceAtEveryStage(string extension)
    {
        var weights = SharedData.Require("data", "checkpoints", Name + extension);
        using var arrays = new NumPyArchive(SharedData.Require("data", "golden", $"io_{Name}.npz"));
        using var reference = JsonDocument.Parse(File.ReadAllText(SharedData.Require("data", "golden", $"io_{Name}.json")));
        using var scope = NewDisposeScope();
        using var model = EmbeddingModel.TorchReId(OSNet.X025(), Identities);

        var report = model.LoadWeights(weights, strict: true, rename: WeightNames.TorchReId());

        model.eval();
        Assert.True(report.IsExact);
        Assert.Equal(567, report.Matched.Count);
        var input = arrays.Read("input_nchw");
        var stages = reference.RootElement.GetProperty("activations");
        var layerOf = stages.EnumerateObject().ToDictionary(stage => stage.Name, stage => stage.Name switch
        {
            "global_avgpool" => "pooling",
            "fc" => "fc",
            _ => "backbone." + stage.Name,
        });
        Assert.Equal(8, layerOf.Count);
        var features = LayerFeatures.Of(model, input, [.. layerOf.Values]);
        foreach (var stage in stages.EnumerateObject())
        {
            var feature = features[layerOf[stage.Name]];
            long[] shape = [.. stage.Value.GetProperty("shape").EnumerateArray().Select(size => size.GetInt64())];
            Assert.Equal(shape.Where((_, axis) => stage.Name != "global_avgpool" || axis < 2), feature.shape);
            Close(stage.Value.GetProperty("mean").GetDouble(), feature.mean().ToDouble(), stage.Name);
            Close(stage.Value.GetProperty("std").GetDouble(), feature.std().ToDouble(), stage.Name);
            var first = feature.flatten().cpu().data<float>().Take(8).ToArray();
            foreach (var (expected, actual) in stage.Value.GetProperty("first8").EnumerateArray().Zip(first)) Close(expected.GetDouble(),
                actual, stage.Name);
        }

        using var noGradient = no_grad();
        var output = model.call(input);
        Assert.InRange((output.Features - arrays.Read("feature")).abs().max().ToDouble(), 0, 1e-4);
        Assert.InRange((output.Logits! - arrays.Read("logits")).abs().max().ToDouble(), 0, 1e-4);
        Assert.Same(output.Features, output.Embedding);
    }

    [Fact]
    public void HalfPrecision_GivesNearlyTheSameFeatures()
    {
        using var arrays = new NumPyArchive(SharedData.Require("data", "golden", $"io_{Name}.npz"));
        using var scope = NewDisposeScope();
        using var model = EmbeddingModel.TorchReId(OSNet.X025(), Identities);
        model.LoadWeights(SharedData.Require("data", "checkpoints", Name + ".pth"), rename: WeightNames.TorchReId());
        model.to(ScalarType.BFloat16);
        model.eval();
        // Weights and activations have eight bits of precision, through about fifty layers.
        Assert.InRange(LeastCosine("half"), 0.995, 0.999_999);
        model.to(ScalarType.Float32);
        Assert.InRange(LeastCosine("weights rounded, float32"), 0.995, 0.999_999);

        double LeastCosine(string what)
        {
            var features = new FeatureExtractor(model).Extract(arrays.Read("input_nchw"));
            Assert.Equal(ScalarType.Float32, features.dtype);
            var least = nn.functional.cosine_similarity(features, arrays.Read("feature"), dim: 1).min().ToDouble();
            TestContext.Current.TestOutputHelper?.WriteLine($"{what}: least cosine {least}");
            return least;
        }
    }

    [Fact]
    public void BothFiles_HoldTheSameTensors()
    {
        using var scope = NewDisposeScope();
        using var pickled = WeightFile.Read(SharedData.Require("data", "checkpoints", Name + ".pth"));
        using var safe = WeightFile.Read(SharedData.Require("data", "checkpoints", Name + ".safetensors"));
        Assert.Equal(567, pickled.Count);
        Assert.Equal("conv1.conv.weight", pickled.Keys.First());
        Assert.Equal(pickled.Keys.Order(StringComparer.Ordinal), safe.Keys.Order(StringComparer.Ordinal));
        Assert.All(pickled, named => Assert.True(named.Value.Equals(safe[named.Key]) && named.Value.dtype == safe[named.Key].dtype));
        Assert.Equal("pt", safe.Metadata["format"]);
    }

    [Fact]
    public void LoadWeights_WithOtherIdentities_LeavesTheClassifierOut()
    {
        var weights = SharedData.Require("data", "checkpoints", Name + ".pth");
        using var model = EmbeddingModel.TorchReId(OSNet.X025(), classes: 10);

        var report = model.LoadWeights(weights, strict: false, rename: WeightNames.TorchReId(classifier: false));
        Assert.Equal(["classifier.weight", "classifier.bias"], report.LeftOut);
        Assert.Equal(["classifier.weight", "classifier.bias"], report.Missing);
        Assert.Equal(565, report.Matched.Count);

        var error = Assert.Throws<InvalidDataException>(() => model.LoadWeights(weights, rename: WeightNames.TorchReId()));
        Assert.Contains("classifier.weight: [1041, 512] in the file, [10, 512] in the model", error.Message);
    }

    private static void Close(double expected, double actual, string stage) =>
        Assert.True(Math.Abs(expected - actual) <= 1e-4, $"{stage}: expected {expected}, got {actual}");
}
