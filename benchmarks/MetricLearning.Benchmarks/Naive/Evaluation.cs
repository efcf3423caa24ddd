using static TorchSharp.torch;

namespace MetricLearning.Benchmarks.Naive;

/// <summary>torchreid's evaluation under the Market-1501 protocol: all distances, all of them sorted, a loop over the queries.</summary>
internal static class Evaluation
{
    /// <summary>CMC up to rank 50, then mAP: float64 [51].</summary>
    public static Tensor Market1501(Tensor query, Tensor gallery, Tensor queryIds, Tensor galleryIds,
        Tensor queryCameras, Tensor galleryCameras)
    {
        const int maxRank = 50;
        var distances = Distances.EuclideanSquared(query, gallery);
        var order = distances.argsort(1);
        var matches = galleryIds[order] == queryIds.unsqueeze(1);
        var (cmc, precision, valid) = (zeros(maxRank, ScalarType.Float64), 0.0, 0);
        for (var q = 0; q < query.size(0); q++)
        {
            using var scope = NewDisposeScope();
            var row = order[q];
            var keep = ((galleryIds[row] == queryIds[q]) & (galleryCameras[row] == queryCameras[q])).logical_not();
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
}
