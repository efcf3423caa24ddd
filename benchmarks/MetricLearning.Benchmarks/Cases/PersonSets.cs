using static TorchSharp.torch;

namespace MetricLearning.Benchmarks;

/// <summary>Queries and a gallery of identities that six cameras have seen.</summary>
internal static class PersonSets
{
    /// <summary>Features of each identity lie around its own direction; the cameras take turns.</summary>
    public static (EmbeddingSet Query, EmbeddingSet Gallery) Clustered(int queries, int gallery, int width, Device device)
    {
        random.manual_seed(1);
        using var scope = NewDisposeScope();
        var identities = Math.Max(10, gallery / 20);
        var centers = randn(identities, width);
        return (Set(queries), Set(gallery));

        EmbeddingSet Set(int count)
        {
            long[] ids = [.. Enumerable.Range(0, count).Select(i => (long)(i % identities))];
            var features = (0.4 * centers[tensor(ids)] + randn(count, width)).to(device);
            return new(features.DetachFromDisposeScope(), ids, Enumerable.Range(0, count).Select(i => (long)(i / identities % 6)));
        }
    }

    /// <summary>Features like those of a network that ends with a ReLU: identities, images and cameras vary along 96 directions. A fifth of
    /// the gallery are distractors.</summary>
    public static (EmbeddingSet Query, EmbeddingSet Gallery) Rectified(int queries, int gallery, int width, int identities, Device device)
    {
        const int directions = 96, cameras = 6;
        random.manual_seed(1);
        using var scope = NewDisposeScope();
        var basis = randn(directions, width) / Math.Sqrt(directions);
        var (centers, views) = (randn(identities, directions), randn(cameras, directions) * 0.3);
        return (Set(queries, 0), Set(gallery, 5));

        EmbeddingSet Set(int count, int distractors)
        {
            long[] ids = [.. Enumerable.Range(0, count)
                .Select(i => distractors > 0 && i % distractors == 0 ? identities + (long)i : i % identities)];
            long[] seen = [.. Enumerable.Range(0, count).Select(i => (long)(i * 7 % 11 % cameras))];
            using var fresh = randn(count, directions);
            var known = (tensor(ids) < identities).unsqueeze(1);
            var own = where(known, centers.index_select(0, tensor(ids).clamp_max(identities - 1)), fresh);
            var latent = own + views.index_select(0, tensor(seen)) + randn(count, directions);
            var features = (latent.mm(basis) + 0.2 * randn(count, width)).relu().to(device);
            return new EmbeddingSet(features.DetachFromDisposeScope(), ids, seen);
        }
    }
}
