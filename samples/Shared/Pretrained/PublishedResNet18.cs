using System.Reflection;

namespace MetricLearning.Samples;

/// <summary>The files of a ResNet-18 that is trained on ImageNet, from the package Microsoft.ML.DnnImageFeaturizer.ResNet18.</summary>
internal static class PublishedResNet18
{
    /// <summary>The network. It takes a prepared image [1, 3, 224, 224] and returns features [1, 512, 1, 1].</summary>
    public static string Network => Existing(NetworkPath);

    /// <summary>The preparation. It takes red, green and blue from 0 to 255, and returns blue, green and red minus a mean picture. Both
    /// are [1, 3, 224, 224].</summary>
    public static string Preparation => Existing(Path.Combine(Models, "ResNetPrepOnnx", "ResNetPreprocess.onnx"));

    /// <summary>The path of the network. The file need not exist.</summary>
    public static string NetworkPath => Path.Combine(Models, "ResNet18Onnx", "ResNet18.onnx");

    // The package can be in several folders of NuGet.
    private static string Models => typeof(PublishedResNet18).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>()
        .Single(metadata => metadata.Key == nameof(PublishedResNet18)).Value!.Split(';')[0];

    private static string Existing(string path) => File.Exists(path) ? path : throw new FileNotFoundException(
        $"{path}: there is no such file. It is part of a NuGet package that this program was built with: run `dotnet restore` here, or "
            + "name another network.", path);
}
