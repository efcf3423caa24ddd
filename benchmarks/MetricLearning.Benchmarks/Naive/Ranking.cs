using static TorchSharp.torch;

namespace MetricLearning.Benchmarks.Naive;

/// <summary>Retrieval metrics as the Python libraries compute them: one product, one argsort of it all, a walk along each list.</summary>
internal static class Ranking
{
    /// <summary>The average precision of each query by cosine under Market-1501's rule, float64 [Q]; NaN where there is no match.</summary>
    public static Tensor AveragePrecisions(EmbeddingSet query, EmbeddingSet gallery)
    {
        using var scope = NewDisposeScope();
        var q = nn.functional.normalize(query.Features, dim: 1);
        var g = nn.functional.normalize(gallery.Features, dim: 1);
        var order = q.mm(g.t()).argsort(dim: 1, descending: true);
        var precisions = new double[query.Count];
        for (var i = 0; i < query.Count; i++)
        {
            var (rank, matches, sum) = (0, 0, 0.0);
            using var list = order[i];
            foreach (var row in list.data<long>())
            {
                var same = gallery.Ids[(int)row] == query.Ids[i];
                if (same && gallery.Cameras![(int)row] == query.Cameras![i]) continue;
                rank++;
                if (same) sum += (double)++matches / rank;
            }
            precisions[i] = sum / matches;
        }
        return tensor(precisions).MoveToOuterDisposeScope();
    }
}
