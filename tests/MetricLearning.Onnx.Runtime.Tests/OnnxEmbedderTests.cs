using MetricLearning.Testing;
using MetricLearning.Vision;

namespace MetricLearning.Onnx.Runtime.Tests;

public sealed class OnnxEmbedderTests : IDisposable
{
    private static readonly EmbeddingSpace plain = new() { Mean = [0, 0, 0], Deviation = [1, 1, 1] };

    private static readonly float[] mean = [0.1f, 0.2f, 0.3f], deviation = [0.5f, 1, 2];

    private readonly string folder = Directory.CreateTempSubdirectory("embedder").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Fact]
    public async Task AnImage_IsDecodedResizedAndNormalized()
    {
        var image = RandomImage.Of(20, 30, seed: 1);
        using var embedder = new OnnxEmbedder(MeanColor.Planes(folder,
            new() { Mean = mean, Deviation = deviation, Interpolation = "bilinear", Dimension = 3 }));
        Assert.Equal(3, embedder.Dimension);
        var embedding = await embedder.EmbedAsync(image, TestContext.Current.CancellationToken);
        var expected = MeanOf(image);
        for (var i = 0; i < 3; i++)
            Assert.Equal((expected[i] / 255 - mean[i]) / deviation[i], embedding[i], 5);
    }

    [Fact]
    public async Task PixelsForTheNetwork_AreRedGreenBlue()
    {
        var image = RandomImage.Of(20, 30, seed: 2);
        using var embedder = new OnnxEmbedder(MeanColor.Pixels(folder));
        using var stream = new MemoryStream(image);
        var embedding = await embedder.EmbedAsync(stream, TestContext.Current.CancellationToken);
        var expected = MeanOf(image);
        for (var i = 0; i < 3; i++) Assert.Equal(expected[i], embedding[i], 3);
    }

    [Fact]
    public async Task ANormalizedSpace_GivesVectorsOfLength1()
    {
        using var embedder = new OnnxEmbedder(MeanColor.Pixels(folder, new() { Normalized = true }));
        var embedding = await embedder.EmbedAsync(RandomImage.Of(8, 8, seed: 3), TestContext.Current.CancellationToken);
        Assert.Equal(1, embedding.Sum(value => (double)value * value), 6);
    }

    [Fact]
    public async Task ConcurrentCallers_GetTheSameBitsAsOneAfterAnother()
    {
        using var embedder = new OnnxEmbedder(MeanColor.Planes(folder, plain));
        await SameBits(embedder, Enumerable.Range(0, 500).Select(i => RandomImage.Of(5 + i % 40, 7 + i % 30, (ulong)i)).ToArray());
    }

    [Fact]
    public async Task OneImageARun_HasTheSameBits_AtAnySize()
    {
        // Images of 300 bytes: in a batch, most of them begin at other remainders of 16, so ONNX Runtime adds in another order.
        using var embedder = new OnnxEmbedder(MeanColor.Planes(folder, plain, 5, 5), new() { MaxBatch = 1 });
        await SameBits(embedder, Enumerable.Range(0, 100).Select(i => RandomImage.Of(20, 20, (ulong)i)).ToArray());
    }

    [Fact]
    public async Task ThePublishedNetwork_GivesConcurrentCallersTheSameBits()
    {
        var path = SharedData.Require("data", "checkpoints", "osnet_x0_25_msmt17.onnx");
        using var embedder = new OnnxEmbedder(path, new()
        {
            Space = new() { Mean = [0.485f, 0.456f, 0.406f], Deviation = [0.229f, 0.224f, 0.225f], Normalized = true },
        });
        Assert.Equal(512, embedder.Dimension);
        await SameBits(embedder, Enumerable.Range(0, 40).Select(i => RandomImage.Of(64, 128, (ulong)i)).ToArray());
    }

    [Fact]
    public async Task ABadImage_IsRefused_AndTheOthersAreEmbedded()
    {
        using var embedder = new OnnxEmbedder(MeanColor.Planes(folder, plain), new() { MaxBytes = 5000, MaxPixels = 400 });
        var token = TestContext.Current.CancellationToken;
        var good = Enumerable.Range(0, 20).Select(i => embedder.EmbedAsync(RandomImage.Of(8, 8, (ulong)i), token)).ToArray();
        async Task Refused(byte[] image, string part)
        {
            var error = await Assert.ThrowsAsync<InvalidDataException>(() => embedder.EmbedAsync(image, token));
            Assert.Contains(part, error.Message, StringComparison.Ordinal);
            using var stream = new MemoryStream(image);
            Assert.Equal(error.Message,
                (await Assert.ThrowsAsync<InvalidDataException>(() => embedder.EmbedAsync(stream, token))).Message);
            // A service hands the message to its caller, who knows neither "the image" nor the service's settings.
            Assert.StartsWith("The image: ", error.Message, StringComparison.Ordinal);
            Assert.DoesNotContain("Max", error.Message, StringComparison.Ordinal);
            var named = error.Message.Replace("The image", "Picture 2", StringComparison.Ordinal);
            Assert.Equal(named,
                (await Assert.ThrowsAsync<InvalidDataException>(() => embedder.EmbedAsync(image, "Picture 2", token))).Message);
            stream.Position = 0;
            Assert.Equal(named,
                (await Assert.ThrowsAsync<InvalidDataException>(() => embedder.EmbedAsync(stream, "Picture 2", token))).Message);
        }
        await Refused([.. "no image"u8], "not an image");
        await Refused([], "empty");
        await Refused(RandomImage.Of(8, 8, 1)[..50], "The image:");
        await Refused(RandomImage.Of(30, 30, 1), "pixels allowed");
        await Refused(new byte[5001], "more than the 5,000 bytes allowed");
        Assert.All(await Task.WhenAll(good), embedding => Assert.Equal(3, embedding.Length));
    }

    [Fact]
    public async Task AnEndedWait_Throws_AndADisposedEmbedderToo()
    {
        var embedder = new OnnxEmbedder(MeanColor.Planes(folder, plain));
        var ended = new CancellationToken(canceled: true);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => embedder.EmbedAsync(RandomImage.Of(8, 8, 1), ended));
        var begun = Enumerable.Range(0, 50)
            .Select(i => embedder.EmbedAsync(RandomImage.Of(8, 8, (ulong)i), CancellationToken.None)).ToArray();
        await Task.WhenAll(begun);
        embedder.Dispose();
        embedder.Dispose();
        await Assert.ThrowsAsync<ObjectDisposedException>(() => embedder.EmbedAsync(RandomImage.Of(8, 8, 1), CancellationToken.None));
    }

    [Fact]
    public void AFileThatIsNotANetwork_IsNamed()
    {
        var path = Path.Combine(folder, "broken.onnx");
        File.WriteAllText(path, "no network");
        var error = Assert.Throws<InvalidDataException>(() => new OnnxEmbedder(path));
        Assert.StartsWith(path, error.Message, StringComparison.Ordinal);
        foreach (var (text, part) in new[] { ("", "an empty file"), ("<html>404</html>", "an HTML page"),
            ("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 12\n", "a Git LFS pointer"),
            ("PK\u0003\u0004data.pkl", "a zip archive, as torch.save writes") })
        {
            File.WriteAllText(path, text);
            Assert.StartsWith($"{path}: This is {part}", Assert.Throws<InvalidDataException>(() => new OnnxEmbedder(path)).Message,
                StringComparison.Ordinal);
        }
        Assert.Throws<FileNotFoundException>(() => new OnnxEmbedder(path + "x"));
        Assert.Equal($"{folder} is a folder, but a file was expected.",
            Assert.Throws<IOException>(() => new OnnxEmbedder(folder)).Message);
    }

    [Fact]
    public void AFileThatDoesNotSayHow_NeedsSettings()
    {
        void Refused(string part, EmbeddingSpace? inFile = null, EmbeddingSpace? asked = null, params long[] size)
        {
            var path = MeanColor.Planes(folder, inFile, size);
            var error = Assert.Throws<InvalidDataException>(() => new OnnxEmbedder(path, new() { Space = asked ?? new() }));
            Assert.StartsWith(path, error.Message, StringComparison.Ordinal);
            Assert.Contains(part, error.Message, StringComparison.Ordinal);
        }
        Refused("mean and deviation");
        Refused("any height", plain, null, -1, 4);
        Refused("height of images is 8", plain, new() { Height = 9 });
        Refused("embeddings of 4 numbers, but its output 'embedding' has 3", plain, new() { Dimension = 4 });
        Refused("width is 4 in the file and 5 in the settings", plain with { Width = 4 }, new() { Width = 5 });
        Refused("'bicubic'", plain with { Interpolation = "bicubic" });
    }

    [Fact]
    public async Task NoLibtorch_IsInTheProcess()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "looks at /proc");
        using var embedder = new OnnxEmbedder(MeanColor.Planes(folder, plain));
        await embedder.EmbedAsync(RandomImage.Of(8, 8, 1), TestContext.Current.CancellationToken);
        var loaded = File.ReadAllText("/proc/self/maps");
        Assert.Contains("libonnxruntime", loaded, StringComparison.Ordinal);
        Assert.DoesNotContain("LibTorchSharp", loaded, StringComparison.Ordinal);
        Assert.DoesNotContain("libtorch", loaded, StringComparison.Ordinal);
    }

    private static async Task SameBits(OnnxEmbedder embedder, byte[][] images)
    {
        var serial = new float[images.Length][];
        for (var i = 0; i < images.Length; i++) serial[i] = await embedder.EmbedAsync(images[i], CancellationToken.None);
        var together = await Task.WhenAll(images.Select(image => Task.Run(() => embedder.EmbedAsync(image, CancellationToken.None))));
        for (var i = 0; i < images.Length; i++) Assert.Equal(serial[i], together[i]);
    }

    /// <summary>The mean of each channel of the image in the networks' size.</summary>
    private static double[] MeanOf(byte[] image)
    {
        var picture = new Picture();
        ImageDecoder.Decode(image, picture);
        new Resize(8, 4).Apply(picture, new SeededRandom(0));
        var sums = new double[3];
        for (var i = 0; i < 32; i++)
            for (var channel = 0; channel < 3; channel++) sums[channel] += picture.Pixels[4 * i + channel];
        return [.. sums.Select(sum => sum / 32)];
    }
}
