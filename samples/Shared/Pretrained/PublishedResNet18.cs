using System.Reflection;

namespace MetricLearning.Samples;

/// <summary>The files of a ResNet-18 that is trained on ImageNet, from the package Microsoft.ML.DnnImageFeaturizer.ResNet18.</summary>
internal static class PublishedResNet18
{
    /// <summary>The network: prepared images [1, 3, 224, 224] to features [1, 512, 1, 1].</summary>
    public static string Network => Existing(NetworkPath);

    /// <summary>The preparation: red, green and blue from 0 to 255 to blue, green and red less a mean picture, each
    /// [1, 3, 224, 224].</summary>
    public static string Preparation => Existing(Path.Combine(Models, "ResNetPrepOnnx", "ResNetPreprocess.onnx"));

    /// <summary>Where the network is, whether or not the package is on this machine.</summary>
    public static string NetworkPath => Path.Combine(Models, "ResNet18Onnx", "ResNet18.onnx");

    private static string Models => typeof(PublishedResNet18).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>()
        .Single(metadata => metadata.Key == nameof(PublishedResNet18)).Value!;

    private static string Existing(string path) => File.Exists(path) ? path : throw new FileNotFoundException(
        $"{path}: there is no such file. It is part of a NuGet package that this program was built with: run `dotnet restore` here, or "
            + "name another network.", path);
}
