using static TorchSharp.torch;

namespace MetricLearning.Vision;

/// <summary>Features that come batch by batch, in one tensor.</summary>
internal sealed class ExtractedFeatures(ImageList images) : IDisposable
{
    private readonly List<int> rows = new(images.Count);
    private Tensor? features;

    /// <summary>Adds the features [n, D] of these pictures.</summary>
    public void Add(IReadOnlyList<int> indices, Tensor part)
    {
        features ??= empty([images.Count, part.size(1)], part.dtype, part.device).DetachFromDisposeScope();
        using var place = features.narrow(0, rows.Count, indices.Count);
        place.copy_(part);
        rows.AddRange(indices);
    }

    /// <summary>The rows with identities and cameras.</summary>
    public EmbeddingSet ToSet()
    {
        using var filled = features!.narrow(0, 0, rows.Count);
        var kept = rows.Count == images.Count ? features.alias() : filled.clone();
        return new(kept, rows.Select(row => images[row].Identity), images.HasCameras ? rows.Select(row => images[row].Camera) : null);
    }

    public void Dispose() => features?.Dispose();
}
