using static TorchSharp.torch;

namespace MetricLearning.Benchmarks.Naive;

/// <summary>pytorch-metric-learning's miners that draw at random.</summary>
internal static class RandomMining
{
    /// <summary>The triplets of a loss with triplets_per_anchor: class by class.</summary>
    public static (Tensor A, Tensor P, Tensor N) Triplets(Tensor labels, int perAnchor) =>
        ByClass(labels, perAnchor, (_, others) => randint(0, others.size(0), perAnchor, device: labels.device));

    /// <summary>DistanceWeightedMiner: weights of all pairs, then, class by class, one draw for each positive of an anchor.</summary>
    public static (Tensor A, Tensor P, Tensor N) DistanceWeighted(Tensor distances, Tensor labels, int width, double cutoff,
        double farthest)
    {
        var own = labels.unsqueeze(1) == labels.unsqueeze(0);
        var d = (distances + eye(labels.size(0), device: labels.device)).clamp(min: cutoff);
        var logs = (2.0 - width) * d.log() - (width - 3) / 2.0 * (1 - 0.25 * d.pow(2)).log();
        var weights = (logs - logs.masked_fill(own, float.NegativeInfinity).max()).exp().masked_fill(own | (d >= farthest), 0);
        weights = weights / weights.sum(1, keepdim: true);
        return ByClass(labels, Batch.ImagesPerIdentity - 1, (anchor, others) =>
            weights[anchor][others].multinomial(Batch.ImagesPerIdentity - 1, replacement: true));
    }

    /// <summary>UniformHistogramMiner: a loop over the bins of the positive pairs' distances, then one over those of the negative
    /// pairs.</summary>
    public static (Tensor A1, Tensor P, Tensor A2, Tensor N) UniformHistogram(Tensor distances, Tensor labels, int bins, int perBin)
    {
        var (a1, p, a2, n) = Pieces.AllPairs(labels);
        var (near, far) = (Drawn(distances[a1, p]), Drawn(distances[a2, n]));
        return (a1[near], p[near], a2[far], n[far]);

        Tensor Drawn(Tensor values)
        {
            var edges = linspace(values.min().item<float>(), values.max().item<float>(), bins + 1, device: values.device);
            var drawn = new List<Tensor>();
            for (var i = 0; i < bins; i++)
            {
                var below = i == bins - 1 ? values <= edges[i + 1] : values < edges[i + 1];
                var inside = where((edges[i] <= values) & below)[0];
                if (inside.size(0) == 0) continue;
                drawn.Add(inside[ones(inside.size(0), device: values.device).multinomial(perBin, replacement: true)]);
            }
            return cat([.. drawn]);
        }
    }

    private static (Tensor A, Tensor P, Tensor N) ByClass(Tensor labels, int perAnchor, Func<Tensor, Tensor, Tensor> draw)
    {
        List<Tensor> anchors = [], positives = [], negatives = [];
        foreach (var label in labels.unique().output.cpu().data<long>().ToArray())
        {
            Tensor own = where(labels == label)[0], others = where(labels != label)[0];
            for (var i = 0; i < own.size(0); i++)
            {
                var rest = own[own != own[i]];
                anchors.Add(own[i].expand(perAnchor));
                positives.Add(perAnchor == rest.size(0) ? rest : rest[randint(0, rest.size(0), perAnchor, device: labels.device)]);
                negatives.Add(others[draw(own[i], others)]);
            }
        }
        return (cat([.. anchors]), cat([.. positives]), cat([.. negatives]));
    }
}
