using MetricLearning.Onnx.Runtime;
using MetricLearning.Search;
using MetricLearning.Vision;
using Microsoft.Extensions.AI;
using static TorchSharp.torch;

namespace MetricLearning.Onnx.Tests;

/// <summary>Tests that all ways to embed a picture in one space give one vector.</summary>
public sealed class SpaceVectorsTests : IDisposable
{
    private const int Side = 32;

    private readonly string folder = Directory.CreateTempSubdirectory("space").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Theory, InlineData(true), InlineData(false), InlineData(null)]
    public async Task OnePictureInOneSpace_HasOneVector(bool? normalized)
    {
        byte[] picture = Picture();
        var transform = ImageTransform.ForEvaluation(Side, Side);
        using var trained = Networks.Lived(Network());
        using var model = Network();
        var files = (Torch: Path.Combine(folder, "model.safetensors"), Onnx: Path.Combine(folder, "model.onnx"));
        var asked = transform.Space with { Normalized = normalized, Distance = "euclidean" };
        trained.SaveForInference(files.Torch, asked);
        var space = model.LoadForInference(files.Torch);
        Assert.Equal(space, OnnxFile.Export(trained, files.Onnx, new() { Space = asked }));
        using var fast = new InferenceModel(model, Side, Side);
        using var onnx = new OnnxEmbedder(files.Onnx);
        Assert.Equal(space, onnx.Space);
        var extractor = new FeatureExtractor(model);
        var loader = new ImageLoader(new ImageList([ImageSample.FromBytes("picture", picture)]), transform) { Space = space };
        var ofModel = new ImageEmbedder((image, _) => Task.FromResult(Row(model.Embed, image)), space);
        var ofOnnx = new ImageEmbedder(onnx.EmbedAsync, onnx.Space);

        float[][] vectors =
        [
            Finished(model.Embed), Finished(extractor.Extract), Finished(fast.Embed),
            space.Finish(Row(model.Embed, picture)),
            Extracted(model.Embed), Extracted(extractor.Extract), Extracted(fast.Embed),
            await onnx.EmbedAsync(picture), await Generated(ofModel), await Generated(ofOnnx),
        ];

        var length = Length(Row(model.Embed, picture));
        Assert.NotInRange(length, 0.9, 1.1);
        foreach (var vector in vectors)
        {
            Assert.Equal(normalized == true ? 1 : length, Length(vector), 1e-5 * length);
            for (var i = 0; i < vector.Length; i++) Assert.Equal(vectors[0][i], vector[i], 1e-5 * length);
        }
        Assert.Equal(vectors[7], vectors[9]);

        float[] Finished(Func<Tensor, Tensor> embed)
        {
            using var scope = NewDisposeScope();
            return space.Finish(embed(transform.Read(picture))).data<float>().ToArray();
        }

        float[] Extracted(Func<Tensor, Tensor> embed)
        {
            using var set = loader.Extract(embed);
            Assert.Equal(space, set.Space);
            return set.Features.data<float>().ToArray();
        }

        async Task<float[]> Generated(ImageEmbedder embedder) =>
            (await embedder.GenerateAsync([new DataContent(picture, "image/png")]))[0].Vector.ToArray();

        float[] Row(Func<Tensor, Tensor> embed, ReadOnlyMemory<byte> image)
        {
            using var scope = NewDisposeScope();
            return embed(transform.Read(image.ToArray())).data<float>().ToArray();
        }
    }

    [Theory, InlineData(float.NaN, "NaN at index 0", "NaN"), InlineData(0f, "zeros alone", "all zeros")]
    public async Task VectorsThatAreNoneOfTheSpace_AreRefused(float scale, string inNetwork, string inRow)
    {
        var transform = ImageTransform.ForEvaluation(Side, Side);
        using var model = Networks.Lived(Network());
        using (no_grad())
        {
            model.get_parameter("neck.bn.weight")!.fill_(scale);
            model.get_parameter("neck.bn.bias")!.fill_(0);
        }
        var path = Path.Combine(folder, "faulty.onnx");
        var space = transform.Space with { Normalized = true };
        OnnxFile.Export(model, path, new() { Space = space });
        using var onnx = new OnnxEmbedder(path);
        var thrown = await Assert.ThrowsAsync<InvalidOperationException>(() => onnx.EmbedAsync(Picture()));
        Assert.StartsWith($"{path}: the network gave {inNetwork}", thrown.Message, StringComparison.Ordinal);
        Assert.IsAssignableFrom<ArithmeticException>(thrown.InnerException);
        thrown = await Generated(onnx.EmbedAsync);
        Assert.StartsWith($"image 1 of 1: {path}: ", thrown.Message, StringComparison.Ordinal);
        using var scope = NewDisposeScope();
        var output = model.Embed(transform.Read(Picture()));
        var numbers = output.data<float>().ToArray();
        thrown = await Generated((_, _) => Task.FromResult(numbers));
        Assert.Contains(inNetwork, thrown.Message, StringComparison.Ordinal);
        Assert.Contains(inRow, Assert.Throws<ArgumentException>("output", () => onnx.Space.Finish(output)).Message,
            StringComparison.Ordinal);
        Assert.Contains(inNetwork, Assert.Throws<ArgumentException>("output", () => onnx.Space.Finish(numbers)).Message,
            StringComparison.Ordinal);
        var loader = new ImageLoader(new ImageList([ImageSample.FromBytes("picture", Picture())]), transform) { Space = space };
        thrown = Assert.Throws<InvalidOperationException>(() => loader.Extract(model.Embed));
        Assert.StartsWith("picture: its features are ", thrown.Message, StringComparison.Ordinal);
        Assert.Contains(inRow, thrown.Message, StringComparison.Ordinal);

        Task<InvalidOperationException> Generated(Func<ReadOnlyMemory<byte>, CancellationToken, Task<float[]>> embed) =>
            Assert.ThrowsAsync<InvalidOperationException>(() => new ImageEmbedder(embed, onnx.Space)
                .GenerateAsync([new DataContent(Picture(), "image/png")]));
    }

    private static EmbeddingModel Network() => new(new ConvNet4(imageChannels: 3), neck: new BNNeck(64));

    private static double Length(float[] vector) => Math.Sqrt(vector.Sum(number => (double)number * number));

    /// <summary>A picture of noise, as a PPM file.</summary>
    private static byte[] Picture()
    {
        var pixels = new byte[3 * 40 * 30];
        new Random(3).NextBytes(pixels);
        return [.. "P6\n40 30\n255\n"u8, .. pixels];
    }
}
