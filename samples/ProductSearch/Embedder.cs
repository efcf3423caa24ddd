using MetricLearning;
using MetricLearning.Vision;
using static TorchSharp.torch;

namespace ProductSearch;

/// <summary>Turns pictures into vectors. Any number of threads may use it at once.</summary>
internal sealed class Embedder(EmbeddingModel model) : IDisposable
{
    private const int PerBatch = 64;

    /// <summary>Numbers in a vector.</summary>
    public int Dimension { get; } = (int)model.EmbeddingDimension;

    /// <summary>The network of a file that <see cref="Save"/> wrote.</summary>
    public static Embedder Load(string path)
    {
        var model = ProductNetwork.Create();
        try
        {
            model.LoadForInference(path, ProductNetwork.Space);
            return new Embedder(model);
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
            return vectors.data<float>().ToArray().Chunk(Dimension).ToArray();
        })];
    }

    public void Dispose() => model.Dispose();
}
