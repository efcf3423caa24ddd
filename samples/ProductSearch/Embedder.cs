using MetricLearning;
using MetricLearning.Search;
using MetricLearning.Vision;
using static TorchSharp.torch;

namespace ProductSearch;

/// <summary>Turns pictures into vectors. Any number of threads may use it at once.</summary>
internal sealed class Embedder : IDisposable
{
    private const int PerBatch = 64;

    private readonly EmbeddingModel model;

    private Embedder(EmbeddingModel model, EmbeddingSpace space) => (this.model, Space) = (model, space);

    /// <summary>The embedding space of this network. Vectors can be compared only if they share it.</summary>
    public EmbeddingSpace Space { get; }

    /// <summary>Reads the network from a file that <see cref="Save"/> wrote.</summary>
    public static Embedder Load(string path)
    {
        var model = ProductNetwork.Create();
        try
        {
            return new Embedder(model, model.LoadForInference(path, ProductNetwork.Space));
        }
        catch
        {
            model.Dispose();
            throw;
        }
    }

    /// <summary>Writes the network without the classes of its training.</summary>
    public static void Save(EmbeddingModel model, string path) => model.SaveForInference(path, ProductNetwork.Space);

    /// <summary>Computes the network's vectors of the fixed pictures by which a gallery recognizes its network.</summary>
    public Task<GalleryCanaries> CanariesAsync(CancellationToken cancellationToken) => GalleryCanaries.MakeAsync(
        (image, _) => Task.FromResult(Embed(Picture.Load(image.Span, Uploads.MaxPixels))), cancellationToken: cancellationToken);

    /// <summary>Computes the vector of a picture. The picture is not changed.</summary>
    public float[] Embed(Picture picture) => Embed([picture])[0];

    /// <summary>Computes the vectors of pictures.</summary>
    public float[][] Embed(IReadOnlyList<Picture> pictures)
    {
        using var noGradient = no_grad();
        return [.. pictures.Chunk(PerBatch).SelectMany(chunk =>
        {
            using var scope = NewDisposeScope();
            var vectors = model.Embed(cat([.. chunk.Select(picture => ProductNetwork.Prepare.Apply(picture))]));
            return vectors.data<float>().ToArray().Chunk(ProductNetwork.Dimension).ToArray();
        })];
    }

    public void Dispose() => model.Dispose();
}
