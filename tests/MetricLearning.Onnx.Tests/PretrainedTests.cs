using MetricLearning.Samples;
using MetricLearning.Testing;
using static TorchSharp.torch;

namespace MetricLearning.Onnx.Tests;

/// <summary>Tests that a ResNet-18 with ImageNet weights gives the same features as a network of this library. A NuGet package has this
/// ResNet-18 as an ONNX file.</summary>
[LeavesNoTensors]
public class PretrainedTests
{
    [Fact]
    public void CntkResNet18_GivesWhatOnnxRuntimeGives()
    {
        var (network, preparation) = (PublishedResNet18.Network, PublishedResNet18.Preparation);
        using var scope = NewDisposeScope();
        using var model = new EmbeddingModel(ResNet.CntkResNet18());

        var report = OnnxFile.LoadWeightsInOrder(model, network);

        Assert.True(report.IsExact);
        model.eval();
        manual_seed(1);
        var pixels = rand(1, 3, 224, 224) * 255f;
        using var constants = OnnxFile.Read(preparation);
        var prepared = pixels.flip(1) - constants["MeanImage"];
        Numbers.Near(Run(preparation, pixels), prepared);
        Numbers.Near(Run(network, prepared).flatten(1), model.Embed(prepared));
    }

    /// <summary>The first output of a file for one input.</summary>
    private static Tensor Run(string path, Tensor input)
    {
        using var session = Sessions.Open(path);
        return session.Run((session.InputNames[0], input))[session.OutputNames[0]];
    }
}
