using static TorchSharp.torch;

namespace MetricLearning.Vision;

/// <summary>Collects the features of batches in one tensor, as vectors of an embedding space.</summary>
internal sealed class FeatureCollector(ImageList images, EmbeddingSpace space) : IDisposable
{
    private readonly List<int> rows = new(images.Count);
    private Tensor? features;

    /// <summary>The length and the type of the rows as the network gave them; null before the first.</summary>
    public (long Length, ScalarType Type)? Kind { get; private set; }

    /// <summary>Adds the features [n, D] of the images with these indices, as the network gave them.</summary>
    /// <exception cref="InvalidOperationException">The features of an image are no vector of the space. The message has the
    /// path.</exception>
    public void Add(IReadOnlyList<int> indices, Tensor output)
    {
        if (space.FaultOf(output) is var (row, fault))
            throw new InvalidOperationException($"{images[indices[(int)row]].Path}: its features are {fault}.");
        using var part = space.FinishSound(output);
        Kind = (output.size(1), output.dtype);
        features ??= empty([images.Count, part.size(1)], part.dtype, part.device).DetachFromDisposeScope();
        using var place = features.narrow(0, rows.Count, indices.Count);
        place.copy_(part);
        rows.AddRange(indices);
    }

    /// <summary>The features with identities, cameras and their space. There must be at least one row.</summary>
    public EmbeddingSet ToSet()
    {
        using var filled = features!.narrow(0, 0, rows.Count);
        var kept = rows.Count == images.Count ? features.alias() : filled.clone();
        return new(kept, rows.Select(row => images[row].Identity), images.HasCameras ? rows.Select(row => images[row].Camera) : null)
        {
            Space = space,
        };
    }

    public void Dispose() => features?.Dispose();
}
