using MetricLearning;
using MetricLearning.Vision;
using static TorchSharp.torch;

namespace ProductSearch;

/// <summary>Turns pictures into vectors. Any number of threads may use it at once.</summary>
internal sealed class Embedder : IDisposable
{
    private const int PerBatch = 64;

    private readonly EmbeddingModel model;

    private Embedder(EmbeddingModel model, EmbeddingSpace space) => (this.model, Space) = (model, space);

    /// <summary>What vectors must agree in to be compared with those of this network.</summary>
    public EmbeddingSpace Space { get; }

    /// <summary>The network of a file that <see cref="Save"/> wrote.</summary>
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

    /// <summary>The vector of a picture, which stays as it is.</summary>
    public float[] Embed(Picture picture) => Embed([picture])[0];

    /// <summary>The vectors of pictures.</summary>
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
