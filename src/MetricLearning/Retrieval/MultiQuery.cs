using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>The multi-query protocol of Market-1501: a query is seen through several pictures, those of its identity from its camera (its
/// tracklet), whose features are pooled into one.</summary>
public static class MultiQuery
{
    /// <summary>One row a query, pooled over the pictures of its identity from its camera (of its identity, where there are no
    /// cameras).</summary>
    /// <param name="query">Which identities and cameras are asked for; its features are not looked at.</param>
    /// <param name="pictures">The pictures to pool, such as Market-1501's <c>gt_bbox</c>; may be the query set itself.</param>
    /// <param name="pooling">How.</param>
    /// <param name="normalize">Whether each picture is brought to length 1 first, so that all count alike. Default: yes.</param>
    /// <returns>A new set with the identities and cameras of <paramref name="query"/>, in its order; queries of one identity and
    /// camera have the same row. The caller disposes it.</returns>
    /// <exception cref="ArgumentException">A query has no picture; the message names it. Or only one of the sets has cameras.</exception>
    public static EmbeddingSet Pool(EmbeddingSet query, EmbeddingSet pictures, MultiQueryPooling pooling, bool normalize = true)
    {
        ArgumentNullException.ThrowIfNull(query);
        ArgumentNullException.ThrowIfNull(pictures);
        Guard.Defined(pooling);
        if (query.Cameras is null != pictures.Cameras is null)
            throw new ArgumentException("query and pictures must both have cameras, or neither.", nameof(pictures));
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        var rowsOf = Enumerable.Range(0, pictures.Count).ToLookup(row => (pictures.Identities[row], pictures.Cameras?[row] ?? 0));
        var pooled = new Dictionary<(long Id, long Camera), long>();
        var (rows, indices) = (new List<Tensor>(), new long[query.Count]);
        for (var q = 0; q < query.Count; q++)
        {
            var key = (query.Identities[q], query.Cameras?[q] ?? 0);
            if (!pooled.TryGetValue(key, out indices[q]))
            {
                if (!rowsOf.Contains(key))
                    throw new ArgumentException($"pictures must have one for each query, and there is none of query {q} "
                        + $"(identity {key.Item1}"
                        + $"{(query.Cameras is null ? "" : $", camera {key.Item2}")}).", nameof(pictures));
                pooled[key] = indices[q] = rows.Count;
                rows.Add(Row([.. rowsOf[key].Select(row => (long)row)]));
            }
        }
        var features = rows.Count == 0 ? pictures.Features.narrow(0, 0, 0).clone()
            : stack(rows).index_select(0, tensor(indices, device: pictures.Features.device));
        return new EmbeddingSet(features, query.Identities, query.Cameras);

        Tensor Row(long[] members)
        {
            using var inner = NewDisposeScope();
            var own = pictures.Features.index_select(0, tensor(members, device: pictures.Features.device));
            if (normalize) own = Similarity.Normalize(own);
            var row = pooling == MultiQueryPooling.Max ? own.amax([0])
                : own.mean([0L], false, ScalarType.Float64).to(pictures.Features.dtype);
            return row.MoveToOuterDisposeScope();
        }
    }
}
