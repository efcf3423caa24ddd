using static TorchSharp.torch;

namespace MetricLearning.Benchmarks.Naive;

/// <summary>Evaluation by the Market-1501 protocol as the Python libraries do it: they compute all distances, sort all of them, and walk
/// along each list.</summary>
internal static class Evaluation
{
    /// <summary>torchreid's: CMC up to rank 50, then mAP: float64 [51].</summary>
    public static Tensor Market1501(Tensor query, Tensor gallery, Tensor queryIdentities, Tensor galleryIdentities,
        Tensor queryCameras, Tensor galleryCameras)
    {
        const int maxRank = 50;
        var distances = Distances.EuclideanSquared(query, gallery);
        var order = distances.argsort(1);
        var matches = galleryIdentities[order] == queryIdentities.unsqueeze(1);
        var (cmc, precision, valid) = (zeros(maxRank, ScalarType.Float64), 0.0, 0);
        for (var q = 0; q < query.size(0); q++)
        {
            using var scope = NewDisposeScope();
            var row = order[q];
            var keep = ((galleryIdentities[row] == queryIdentities[q]) & (galleryCameras[row] == queryCameras[q])).logical_not();
            var hits = matches[q][keep].to(ScalarType.Float64);
            var relevant = hits.sum().item<double>();
            if (relevant == 0) continue;
            var sums = hits.cumsum(0);
            cmc.add_(sums.clamp(max: 1).narrow(0, 0, maxRank));
            precision += (sums / arange(1, sums.size(0) + 1) * hits).sum().item<double>() / relevant;
            valid++;
        }
        return cat([cmc / valid, tensor(precision / valid, ScalarType.Float64).reshape(1)]);
    }

    /// <summary>The average precision of each query by cosine distance and Market-1501's protocol, float64 [Q]; NaN if there is no
    /// match.</summary>
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
                var same = gallery.Identities[(int)row] == query.Identities[i];
                if (same && gallery.Cameras![(int)row] == query.Cameras![i]) continue;
                rank++;
                if (same) sum += (double)++matches / rank;
            }
            precisions[i] = sum / matches;
        }
        return tensor(precisions).MoveToOuterDisposeScope();
    }
}
