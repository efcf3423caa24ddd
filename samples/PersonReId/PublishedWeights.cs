using MetricLearning;
using MetricLearning.Onnx;
using static TorchSharp.torch;

namespace PersonReId;

/// <summary>The weights of a ResNet-18 that was trained on ImageNet, from a NuGet package.</summary>
internal static class PublishedWeights
{
    /// <summary>The value of <c>--weights</c> that names them.</summary>
    public const string Name = "imagenet";

    /// <summary>The only network that they fit.</summary>
    public const string Architecture = "cntk_resnet18";

    /// <summary>How images are prepared for them. The published network subtracts a mean picture from values from 0 to 255. Images have
    /// other sizes here, so the mean color of that picture is subtracted.</summary>
    public static EmbeddingSpace Space()
    {
        using var scope = NewDisposeScope();
        using var constants = OnnxFile.Read(PublishedResNet18.Preparation);
        var blueGreenRed = constants["MeanImage"].mean([0, 2, 3]);
        return new EmbeddingSpace
        {
            Architecture = Architecture,
            Interpolation = "bilinear",
            Mean = (blueGreenRed.flip(0) / 255f).data<float>().ToArray(),
            Deviation = [1 / 255f, 1 / 255f, 1 / 255f],
        };
    }

    /// <summary>Loads the weights into a network.</summary>
    public static string Load(Backbone backbone)
    {
        var report = OnnxFile.LoadWeightsInOrder(backbone, PublishedResNet18.Network);
        // The first layer was trained on blue, green and red; images here are red, green and blue.
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        var first = backbone.state_dict()["conv1.weight"];
        first.copy_(first.flip(1));
        return $"{report.Matched.Count} tensors loaded";
    }
}
