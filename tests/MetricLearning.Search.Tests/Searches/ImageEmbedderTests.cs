using Microsoft.Extensions.AI;
using Microsoft.Extensions.VectorData;

namespace MetricLearning.Search.Tests;

/// <summary>Tests that images are turned into vectors by a store and by a search.</summary>
public class ImageEmbedderTests
{
    /// <summary>The network of these tests returns the first three bytes of an image.</summary>
    private static readonly ImageEmbedder embedder = new(
        (image, _) => Task.FromResult(Array.ConvertAll(image[..3].ToArray(), x => (float)x)),
        new EmbeddingSpace { Architecture = "bytes", Dimension = 3 });

    private sealed class Picture
    {
        [VectorStoreKey]
        public int Id { get; set; }

        [VectorStoreVector(3)]
        public DataContent? Image { get; set; }
    }

    [Fact]
    public async Task AStore_TakesImages()
    {
        using var store = new MemoryVectorStore { EmbeddingGenerator = embedder };
        var pictures = store.GetCollection<int, Picture>("pictures");
        await pictures.EnsureCollectionExistsAsync(TestContext.Current.CancellationToken);
        await pictures.UpsertAsync(Enumerable.Range(0, 5).Select(i => new Picture { Id = i, Image = Image((byte)(9 * i), 20, 7) }),
            TestContext.Current.CancellationToken);
        var found = await pictures.SearchAsync(Image(28, 20, 7), 2, cancellationToken: TestContext.Current.CancellationToken)
            .ToListAsync(TestContext.Current.CancellationToken);
        Assert.Equal([3, 4], found.Select(hit => hit.Record.Id));
    }

    [Fact]
    public async Task Embeddings_ComeInTheOrderOfTheImages()
    {
        var slow = new ImageEmbedder(async (image, stop) =>
        {
            await Task.Delay(image.Span[0] == 1 ? 20 : 0, stop);
            return [image.Span[0]];
        });
        var made = await slow.GenerateAsync([Image(1, 0, 0), Image(2, 0, 0)], cancellationToken: TestContext.Current.CancellationToken);
        Assert.Equal([1f, 2f], made.Select(embedding => embedding.Vector.Span[0]));
        Assert.Equal(("bytes", 3), (Metadata.DefaultModelId, Metadata.DefaultModelDimensions));
    }

    [Fact]
    public async Task Embeddings_AreVectorsOfTheSpace()
    {
        var normal = new ImageEmbedder((_, _) => Task.FromResult(new float[] { 3, 0, 4 }), new() { Normalized = true });
        var made = await normal.GenerateAsync([Image(1, 0, 0)], cancellationToken: TestContext.Current.CancellationToken);
        Assert.Equal([0.6f, 0, 0.8f], made[0].Vector.ToArray());
    }

    [Theory, InlineData(float.NaN, 3, "NaN"), InlineData(float.PositiveInfinity, 3, "index 2"), InlineData(1, 2, "must have 3")]
    public async Task AnEmbeddingThatIsNotOneOfTheSpace_NamesItsImage(float last, int length, string part)
    {
        float[] good = [1, 2, 3], bad = [.. new float[length - 1], last];
        var odd = new ImageEmbedder((image, _) => Task.FromResult(image.Span[0] == 2 ? bad : good), new() { Dimension = 3 });
        var thrown = await Assert.ThrowsAsync<InvalidOperationException>(() => odd.GenerateAsync([Image(1, 0, 0), Image(2, 0, 0)]));
        Assert.StartsWith("image 2 of 2: ", thrown.Message, StringComparison.Ordinal);
        Assert.Contains(part, thrown.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task ABadImageInABatch_NamesItsRecord()
    {
        var picky = new ImageEmbedder((image, _) => image.Span[0] == 2 ? throw new InvalidDataException("This is not an image.")
            : Task.FromResult(new float[] { 1, 2, 3 }));
        using var store = new MemoryVectorStore { EmbeddingGenerator = picky };
        var pictures = store.GetCollection<int, Picture>("pictures");
        await pictures.EnsureCollectionExistsAsync(TestContext.Current.CancellationToken);
        var thrown = await Assert.ThrowsAsync<InvalidDataException>(() => pictures.UpsertAsync(
            [new Picture { Id = 7, Image = Image(1, 0, 0) }, new Picture { Id = 8, Image = Image(2, 0, 0) }]));
        Assert.Equal("'Image' of the record 8: This is not an image.", thrown.Message);
        Assert.Null(await pictures.GetAsync(7, cancellationToken: TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task AFileThatIsNotAnImage_IsRefused()
    {
        var text = new DataContent(new byte[] { 1, 2, 3 }, "text/plain");
        Assert.Contains("text/plain", (await Assert.ThrowsAsync<ArgumentException>(() => embedder.GenerateAsync([text]))).Message,
            StringComparison.Ordinal);
        await Assert.ThrowsAsync<ArgumentException>(() => embedder.GenerateAsync([Image(1, 2, 3)], new() { Dimensions = 4 }));
        await Assert.ThrowsAsync<ArgumentNullException>(() => embedder.GenerateAsync([null!]));
        Assert.Throws<ArgumentNullException>(() => new ImageEmbedder(null!));
    }

    private static EmbeddingGeneratorMetadata Metadata =>
        (EmbeddingGeneratorMetadata)embedder.GetService(typeof(EmbeddingGeneratorMetadata))!;

    private static DataContent Image(byte red, byte green, byte blue) => new(new[] { red, green, blue }, "image/png");
}
