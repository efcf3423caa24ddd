using MetricLearning;
using MetricLearning.Onnx.Runtime;
using MetricLearning.Onnx.Runtime.Tests;
using MetricLearning.Samples;
using MetricLearning.Vision;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace EmbeddingService.Tests;

/// <summary>Tests the network that is served by default.</summary>
public sealed class PretrainedNetworkTests : IDisposable
{
    private const int Side = 224;

    private readonly string folder = Directory.CreateTempSubdirectory("embedding-service").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Fact]
    public async Task TheJoinedFile_GivesWhatThePublishedFilesGive_ForAnyNumberOfImages()
    {
        var path = Path.Combine(folder, "network.onnx");
        PretrainedNetwork.Write(path);
        using var embedder = new OnnxEmbedder(path);
        Assert.Equal((512, true, "cosine"), (embedder.Dimension, embedder.Space.Normalized, embedder.Space.Distance));
        Assert.Equal(64, embedder.Space.Fingerprint!.Length);
        var images = Enumerable.Range(0, 3).Select(i => RandomImage.Of(40 + i, 50, (ulong)i)).ToArray();
        var embeddings = await Task.WhenAll(images.Select(image =>
            Task.Run(() => embedder.EmbedAsync(image), TestContext.Current.CancellationToken)));
        for (var i = 0; i < images.Length; i++) Near(Published(images[i]), embeddings[i]);
    }

    /// <summary>Runs the published files one after the other and scales the features to length 1.</summary>
    private static double[] Published(byte[] image)
    {
        var picture = new Picture();
        ImageDecoder.Decode(image, picture);
        new Resize(Side, Side).Apply(picture, new SeededRandom(0));
        var planes = new DenseTensor<float>([1, 3, Side, Side]);
        for (var i = 0; i < Side * Side; i++)
            for (var channel = 0; channel < 3; channel++) planes.SetValue(channel * Side * Side + i, picture.Pixels[4 * i + channel]);
        var features = Run(PublishedResNet18.Network, Run(PublishedResNet18.Preparation, planes)).ToArray();
        var length = Math.Sqrt(features.Sum(value => (double)value * value));
        return [.. features.Select(value => value / length)];
    }

    private static DenseTensor<float> Run(string path, DenseTensor<float> input)
    {
        using var session = new InferenceSession(path);
        using var results = session.Run([NamedOnnxValue.CreateFromTensor(session.InputNames[0], input)]);
        return results[0].AsTensor<float>().ToDenseTensor();
    }

    private static void Near(double[] expected, float[] actual)
    {
        Assert.Equal(expected.Length, actual.Length);
        var largest = expected.Max();
        Assert.All(expected.Zip(actual), pair => Assert.Equal(pair.First, pair.Second, 1e-4 * largest));
    }
}
