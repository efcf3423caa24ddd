using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>The multi-query protocol of Market-1501. A query consists of several images: those of its identity from its camera, which are
/// called its tracklet. Their features are pooled into one row.</summary>
/// <remarks>Thread safety: any number of threads may call it at once.</remarks>
public static class MultiQuery
{
    /// <summary>Makes one row for each query, pooled over the images of its identity from its camera (of its identity, if there are no
    /// cameras).</summary>
    /// <param name="query">The queries, of which only identities and cameras are used.</param>
    /// <param name="images">The images to pool, such as Market-1501's <c>gt_bbox</c>; may be the query set itself.</param>
    /// <param name="pooling">How the features of a query's images become one.</param>
    /// <param name="normalize">Whether each image is scaled to length 1 first, so that all count alike, however short or long. A zero row
    /// stays zero. Default: yes.</param>
    /// <returns>A new set with the identities and cameras of <paramref name="query"/>, in its order; queries of one identity and
    /// camera have the same row. The caller disposes it.</returns>
    /// <exception cref="ArgumentException">A query has no image (the message names the query), only one of the sets has cameras, or a
    /// feature of an image is not finite.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="pooling"/> is undefined.</exception>
    public static EmbeddingSet Pool(EmbeddingSet query, EmbeddingSet images, MultiQueryPooling pooling, bool normalize = true)
    {
        ArgumentNullException.ThrowIfNull(query);
        ArgumentNullException.ThrowIfNull(images);
        Guard.Defined(pooling);
        if (query.Cameras is null != images.Cameras is null)
            throw new ArgumentException("query and images must both have cameras, or neither.", nameof(images));
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        Guard.Finite(images.Features, nameof(images));
        var rowsOf = Enumerable.Range(0, images.Count).ToLookup(row => (images.Identities[row], images.Cameras?[row] ?? 0));
        var pooled = new Dictionary<(long Identity, long Camera), long>();
        var (rows, indices) = (new List<Tensor>(), new long[query.Count]);
        for (var q = 0; q < query.Count; q++)
        {
            var key = (query.Identities[q], query.Cameras?[q] ?? 0);
            if (pooled.TryGetValue(key, out indices[q])) continue;
            if (!rowsOf.Contains(key))
                throw new ArgumentException($"images must have at least one image for each query, but there is none for query {q} "
                    + $"(identity {key.Item1}{(query.Cameras is null ? "" : $", camera {key.Item2}")}).", nameof(images));
            pooled[key] = indices[q] = rows.Count;
            rows.Add(Pool(images.Features, [.. rowsOf[key].Select(row => (long)row)], pooling, normalize));
        }
        var features = rows.Count == 0 ? images.Features.narrow(0, 0, 0).clone()
            : stack(rows).index_select(0, tensor(indices, device: images.Features.device));
        return new EmbeddingSet(features, query.Identities, query.Cameras) { Space = images.Space?.OfCombinations };
    }

    /// <summary>Some rows pooled into one, [D].</summary>
    internal static Tensor Pool(Tensor features, long[] rows, MultiQueryPooling pooling, bool normalize)
    {
        using var scope = NewDisposeScope();
        var chosen = features.index_select(0, tensor(rows, device: features.device)).to(ScalarType.Float64);
        if (normalize) chosen = RowMath.Unit(chosen);
        var row = pooling == MultiQueryPooling.Max ? chosen.amax([0]) : chosen.mean([0L]);
        return row.to(features.dtype).MoveToOuterDisposeScope();
    }
}
