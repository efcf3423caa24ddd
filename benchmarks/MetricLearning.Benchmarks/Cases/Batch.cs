using static TorchSharp.torch;

namespace MetricLearning.Benchmarks;

/// <summary>A P×K batch: each class has K rows around its own center. The centers are so near to each other that classes overlap; distances
/// are about 1.5.</summary>
internal sealed record Batch(Tensor Embeddings, Tensor Labels) : IDisposable
{
    public const int ImagesPerIdentity = 4;

    /// <summary>Returns rows [rows, width] with labels int64 [rows], K = 4, in shuffled order. The numbers are the same on each
    /// call.</summary>
    public static Batch Of(int rows, int width, Device device, bool gradient = false)
    {
        random.manual_seed(1);
        using var scope = NewDisposeScope();
        var order = randperm(rows);
        var labels = arange(rows).div(ImagesPerIdentity, RoundingMode.floor).index_select(0, order);
        var centers = randn((rows + ImagesPerIdentity - 1) / ImagesPerIdentity, width);
        var embeddings = ((0.5 * centers.index_select(0, labels) + randn(rows, width)) / Math.Sqrt(width)).to(device);
        embeddings.requires_grad = gradient;
        return new(embeddings.MoveToOuterDisposeScope(), labels.to(device).MoveToOuterDisposeScope());
    }

    public void Dispose()
    {
        Embeddings.Dispose();
        Labels.Dispose();
    }
}
