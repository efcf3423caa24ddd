namespace MetricLearning.Onnx.Runtime.Tests;

/// <summary>Tests networks that do not take any number of images, or do not give a vector for each image.</summary>
public sealed class NetworkShapeTests : IDisposable
{
    private static readonly EmbeddingSpace plain = new() { Height = 8, Width = 4, Mean = [0, 0, 0], Deviation = [1, 1, 1] };

    private readonly string folder = Directory.CreateTempSubdirectory("shapes").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Theory, InlineData(1, 8), InlineData(1, 1), InlineData(4, 8), InlineData(4, 2), InlineData(-1, 1)]
    public async Task AFixedNumberOfImages_GivesTheVectorsOfAFreeOne(int images, int maxBatch)
    {
        using var free = new OnnxEmbedder(MeanColor.Planes(folder, plain));
        var path = Network([MeanColor.Mean("images", 2, 3)], [images, 3], images);
        using var embedder = new OnnxEmbedder(path, new() { MaxBatch = maxBatch });
        Assert.Equal(3, embedder.Dimension);
        var pictures = Enumerable.Range(0, 45).Select(i => RandomImage.Of(8, 8, (ulong)i)).ToArray();
        var vectors = await Task.WhenAll(pictures.Select(picture => embedder.EmbedAsync(picture)));
        for (var i = 0; i < pictures.Length; i++) Assert.Equal(await free.EmbedAsync(pictures[i]), vectors[i]);
    }

    [Theory, InlineData(1), InlineData(-1)]
    public async Task AVectorForTheWholeBatch_IsRefused_UnlessABatchIsOneImage(int declared)
    {
        var path = Network([Reduce("images", "rows", keep: 0, 2, 3), Reduce("rows", "embedding", keep: 1, 0)], [declared, 3]);
        Refused(path, "must give [2, D] for 2 images, one vector for each, but its output 'embedding' is [1, 3]");
        using var embedder = new OnnxEmbedder(path, new() { MaxBatch = 1 });
        var vectors = await Task.WhenAll(Enumerable.Range(0, 9).Select(i => embedder.EmbedAsync(RandomImage.Of(8, 8, (ulong)i))));
        Assert.All(vectors, vector => Assert.Equal(3, vector.Length));
    }

    [Fact]
    public void ANetworkThatFails_IsRefused() =>
        Refused(Network([new("Reshape", ["images", "images"], ["embedding"], new Dictionary<string, object>())], [-1, 3]), "Reshape");

    [Fact]
    public void AnOutputWithoutAVectorForEachImage_IsRefused()
    {
        Refused(Network([MeanColor.Mean("images", 1, 2, 3)], [-1]), "'embedding' is [2]");
        Refused(Network([MeanColor.Mean("images", 0, 1, 2, 3)], []), "'embedding' is []");
        Refused(Network([Reduce("images", "embedding", keep: 1, 1)], [-1, 1, 8, 4]), "'embedding' is [2, 1, 8, 4]");
    }

    [Fact]
    public async Task AxesOfLength1_MayFollow()
    {
        using var free = new OnnxEmbedder(MeanColor.Planes(folder, plain));
        using var embedder = new OnnxEmbedder(Network([Reduce("images", "embedding", keep: 1, 2, 3)], [-1, 3, 1, 1]));
        Assert.Equal(3, embedder.Dimension);
        Assert.Equal(await free.EmbedAsync(RandomImage.Of(8, 8, 1)), await embedder.EmbedAsync(RandomImage.Of(8, 8, 1)));
    }

    [Fact]
    public async Task AnyNumberOfChannels_IsThatOfTheMean()
    {
        using var free = new OnnxEmbedder(MeanColor.Planes(folder, plain));
        using var embedder = new OnnxEmbedder(Of([-1, -1, -1, -1]));
        Assert.Equal(await free.EmbedAsync(RandomImage.Of(8, 8, 1)), await embedder.EmbedAsync(RandomImage.Of(8, 8, 1)));
        using var gray = new OnnxEmbedder(Of([-1, -1, 8, 4], plain with { Mean = [0], Deviation = [1] }));
        Assert.Single(await gray.EmbedAsync(RandomImage.Of(8, 8, 1)));
    }

    /// <summary>Networks of TensorFlow take [N, H, W, C]. Networks whose weights were halved take and give float16.</summary>
    [Theory]
    [InlineData(OnnxTypes.Float, false)]
    [InlineData(OnnxTypes.Float16, true)]
    [InlineData(OnnxTypes.Float16, false)]
    public async Task AnyOrderOfAxes_AndHalfPrecision_GiveTheSameVectors(int type, bool isPlanar)
    {
        using var free = new OnnxEmbedder(MeanColor.Planes(folder, plain));
        var path = MeanColor.Write(folder, "order.onnx", plain, new("images", type, isPlanar ? [-1, 3, 8, 4] : [-1, 8, 4, 3]),
            [MeanColor.Mean("images", isPlanar ? [2, 3] : [1, 2])], new("embedding", type, [-1, 3]));
        using var embedder = new OnnxEmbedder(path);
        for (var seed = 0UL; seed < 5; seed++)
        {
            var image = RandomImage.Of(8, 8, seed);
            Assert.Equal(await free.EmbedAsync(image), await embedder.EmbedAsync(image),
                (a, b) => Math.Abs(a - b) < (type == OnnxTypes.Float ? 1e-6 : 1e-3));
        }
    }

    [Fact]
    public async Task PlanesOfPixels_GiveTheVectorsOfPixels()
    {
        var planes = MeanColor.Write(folder, "bytes.onnx", plain, new("images", OnnxTypes.Byte, [-1, 3, 8, 4]),
            [new("Cast", ["images"], ["numbers"], new Dictionary<string, object> { ["to"] = (long)OnnxTypes.Float }),
                MeanColor.Mean("numbers", 2, 3)]);
        using var expected = new OnnxEmbedder(MeanColor.Pixels(folder));
        using var embedder = new OnnxEmbedder(planes);
        Assert.Equal(await expected.EmbedAsync(RandomImage.Of(8, 8, 1)), await embedder.EmbedAsync(RandomImage.Of(8, 8, 1)),
            (a, b) => Math.Abs(a - b) < 1e-3);
    }

    [Fact]
    public void AxesWithoutChannels_AreNamed()
    {
        Refused(Of([-1, 8, 4, 5]), "Its input 'images' is Float [-1, 8, 4, 5], but images have 3 or 1 channels: it must be [N, C, H, W] or "
            + "[N, H, W, C] with a C of 3 or 1.");
        Refused(MeanColor.Write(folder, "whole.onnx", plain, new("images", OnnxTypes.Int64, [-1, 3, 8, 4]),
            [new("Cast", ["images"], ["numbers"], new Dictionary<string, object> { ["to"] = (long)OnnxTypes.Float }),
                MeanColor.Mean("numbers", 2, 3)]), "neither float, float16 nor uint8 with four axes: [N, C, H, W] or [N, H, W, C].");
    }

    [Theory, InlineData(2, 2), InlineData(3, 1), InlineData(1, 3), InlineData(4, 4)]
    public void AMeanOrDeviationOfAnotherLength_IsNamed(int mean, int deviation) => Refused(
        Of([-1, 3, 8, 4], plain with { Mean = new float[mean], Deviation = Enumerable.Repeat(1f, deviation).ToArray() }),
        $"The Mean and the Deviation of its embedding space must both have three numbers (red, green, blue) or one (gray), got {mean} and "
        + $"{deviation}.");

    /// <summary>The memory of a run grows with the images that run at once, so a large limit costs nothing.</summary>
    [Fact]
    public async Task AnyLimitOfABatch_TakesMemoryForTheImagesOfARun()
    {
        var pixels = MeanColor.Write(folder, "pixel.onnx", new(), new("images", OnnxTypes.Byte, [-1, 1, 1, 1]),
            [new("Cast", ["images"], ["numbers"], new Dictionary<string, object> { ["to"] = (long)OnnxTypes.Float }),
                MeanColor.Mean("numbers", 1, 2)], new("embedding", OnnxTypes.Float, [-1, 1]));
        var before = GC.GetTotalAllocatedBytes(precise: true);
        using var embedder = new OnnxEmbedder(pixels, new() { MaxBatch = Array.MaxLength - 64 });
        using var usual = new OnnxEmbedder(pixels);
        Assert.InRange(GC.GetTotalAllocatedBytes(precise: true) - before, 0, 1 << 24);
        var images = Enumerable.Range(0, 300).Select(i => RandomImage.Of(1, 1, (ulong)i)).ToArray();
        var vectors = await Task.WhenAll(images.Select(image => Task.Run(() => embedder.EmbedAsync(image))));
        for (var i = 0; i < images.Length; i++) Assert.Equal(await usual.EmbedAsync(images[i]), vectors[i]);
        Assert.Throws<ArgumentOutOfRangeException>("Threads", () => new OnnxEmbedderSettings { Threads = 1025 });
    }

    [Fact]
    public void AnOutputOfAnotherType_IsRefused()
    {
        var cast = new OnnxNode("Cast", ["means"], ["embedding"], new Dictionary<string, object> { ["to"] = (long)OnnxTypes.Int64 });
        Refused(MeanColor.Write(folder, "whole.onnx", plain, new("images", OnnxTypes.Float, [-1, 3, 8, 4]),
            [Reduce("images", "means", keep: 0, 2, 3), cast], new("embedding", OnnxTypes.Int64, [-1, 3])),
            "'embedding' is Int64 [-1, 3], not float or float16 [N, D]");

        // It takes x, float [N, 3, 8, 8], and gives s, a sequence of tensors.
        var sequence = Path.Combine(folder, "sequence.onnx");
        File.WriteAllBytes(sequence, Convert.FromBase64String(
            "CAhCAhAROo8BChkKAXgSAXAiEUdsb2JhbEF2ZXJhZ2VQb29sChwKAXASAXkiB0ZsYXR0ZW4qCwoEYXhpcxgBoAECChkKAXkSAXMiEVNlcXVlbmNlQ29uc3RydWN0Eg"
            + "FnWhwKAXgSFwoVCAESEQoDEgFOCgIIAwoCCAgKAggIYhgKAXMSEyIRCg8KDQgBEgkKAxIBTgoCCAM="));
        Refused(sequence, "'s' is ONNX_TYPE_SEQUENCE, not float or float16 [N, D]");
    }

    private static void Refused(string path, string part)
    {
        var error = Assert.Throws<InvalidDataException>(() => new OnnxEmbedder(path));
        Assert.StartsWith($"{path}: ", error.Message, StringComparison.Ordinal);
        Assert.Contains(part, error.Message, StringComparison.Ordinal);
    }

    private string Of(long[] images, EmbeddingSpace? space = null) => MeanColor.Write(folder, "axes.onnx", space ?? plain,
        new("images", OnnxTypes.Float, images), [MeanColor.Mean("images", 2, 3)], new("embedding", OnnxTypes.Float, [-1, images[1]]));

    private string Network(OnnxNode[] nodes, long[] embedding, long images = -1) => MeanColor.Write(folder, "network.onnx", plain,
        new("images", OnnxTypes.Float, [images, 3, 8, 4]), nodes, new("embedding", OnnxTypes.Float, embedding));

    private static OnnxNode Reduce(string from, string to, long keep, params long[] axes) =>
        new("ReduceMean", [from], [to], new Dictionary<string, object> { ["axes"] = axes, ["keepdims"] = keep });
}
