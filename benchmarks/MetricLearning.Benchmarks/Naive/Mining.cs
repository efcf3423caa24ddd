using static TorchSharp.torch;

namespace MetricLearning.Benchmarks.Naive;

/// <summary>Miners, as pytorch-metric-learning computes them unless stated otherwise.</summary>
internal static class Mining
{
    /// <summary>BatchHardMiner.</summary>
    public static (Tensor A, Tensor P, Tensor N) BatchHard(Tensor distances, Tensor labels)
    {
        var (positives, negatives) = Pieces.Masks(labels);
        var (_, p) = distances.masked_fill(positives.logical_not(), float.NegativeInfinity).max(1);
        var (_, n) = distances.masked_fill(negatives.logical_not(), float.PositiveInfinity).min(1);
        var anchors = where(positives.any(1) & negatives.any(1))[0];
        return (anchors, p[anchors], n[anchors]);
    }

    /// <summary>BatchEasyHardMiner("hard", "semihard"): the farthest positive, and the nearest negative beyond it.</summary>
    public static (Tensor A, Tensor P, Tensor N) SemiHard(Tensor distances, Tensor labels)
    {
        var (positives, negatives) = Pieces.Masks(labels);
        var (farthest, p) = distances.masked_fill(positives.logical_not(), float.NegativeInfinity).max(1);
        negatives = negatives & (distances > farthest.unsqueeze(1));
        var (_, n) = distances.masked_fill(negatives.logical_not(), float.PositiveInfinity).min(1);
        var anchors = where(positives.any(1) & negatives.any(1))[0];
        return (anchors, p[anchors], n[anchors]);
    }

    /// <summary>MultiSimilarityMiner: two sorts of all similarities.</summary>
    public static (Tensor A1, Tensor P, Tensor A2, Tensor N) MultiSimilarity(Tensor similarities, Tensor labels, double epsilon)
    {
        var (positives, negatives) = Pieces.Masks(labels);
        var (near, nearOrder) = similarities.masked_fill(positives.logical_not(), float.MaxValue).sort(1);
        var (far, farOrder) = similarities.masked_fill(negatives.logical_not(), float.MinValue).sort(1);
        var hardPositives = where(near - epsilon < far.narrow(1, far.size(1) - 1, 1));
        var hardNegatives = where(far + epsilon > near.narrow(1, 0, 1));
        return (hardPositives[0], nearOrder[hardPositives[0], hardPositives[1]],
            hardNegatives[0], farOrder[hardNegatives[0], hardNegatives[1]]);
    }

    /// <summary>TripletMarginMiner("semihard"): all triplets, then those with 0 &lt; d(a,n) − d(a,p) ≤ margin.</summary>
    public static (Tensor A, Tensor P, Tensor N) SemiHardTriplets(Tensor distances, Tensor labels, double margin) =>
        Triplets(distances, labels, gaps => (gaps > 0) & (gaps <= margin));

    /// <summary>TripletMarginMiner("hard"): all triplets, then those with d(a,n) ≤ d(a,p).</summary>
    public static (Tensor A, Tensor P, Tensor N) HardTriplets(Tensor distances, Tensor labels) =>
        Triplets(distances, labels, gaps => gaps <= 0);

    /// <summary>BatchEasyHardMiner with its defaults: the nearest positive, and the nearest negative beyond it.</summary>
    public static (Tensor A, Tensor P, Tensor N) EasyPositives(Tensor distances, Tensor labels)
    {
        var (positives, negatives) = Pieces.Masks(labels);
        var (nearest, p) = distances.masked_fill(positives.logical_not(), float.PositiveInfinity).min(1);
        negatives = negatives & (distances > nearest.unsqueeze(1));
        var (_, n) = distances.masked_fill(negatives.logical_not(), float.PositiveInfinity).min(1);
        var anchors = where(positives.any(1) & negatives.any(1))[0];
        return (anchors, p[anchors], n[anchors]);
    }

    /// <summary>AngularMiner: it copies the rows of all triplets, and keeps the triplets whose angle at the negative is above a
    /// bound.</summary>
    public static (Tensor A, Tensor P, Tensor N) Angular(Tensor x, Tensor labels, double degrees)
    {
        var (a, p, n) = Pieces.AllTriplets(labels);
        var (anchors, positives, negatives) = (x[a], x[p], x[n]);
        var own = (anchors - positives).norm(1);
        var kept = (own / (2 * (negatives - (anchors + positives) / 2).norm(1))).atan() > double.DegreesToRadians(degrees);
        return (a[kept], p[kept], n[kept]);
    }

    /// <summary>open-metric-learning's NHardTripletsMiner: all distances sorted, then a walk over the anchors.</summary>
    public static (Tensor A, Tensor P, Tensor N) NHard(Tensor distances, Tensor labels, int positives, int negatives)
    {
        var farthest = distances.argsort(1, descending: true);
        var nearest = farthest.flip(1);
        var (same, other) = Pieces.Masks(labels);
        Tensor[] near = where(same.gather(1, farthest)), far = where(other.gather(1, nearest));
        var (hardPositives, hardNegatives) = (farthest[near[0], near[1]], nearest[far[0], far[1]]);
        List<long> a = [], p = [], n = [];
        for (var anchor = 0L; anchor < labels.size(0); anchor++)
        {
            using var scope = NewDisposeScope();
            var chosen = hardPositives[near[0] == anchor].cpu().data<long>().ToArray().Take(positives);
            var others = hardNegatives[far[0] == anchor].cpu().data<long>().ToArray()[..negatives];
            foreach (var positive in chosen)
                foreach (var negative in others)
                {
                    a.Add(anchor);
                    p.Add(positive);
                    n.Add(negative);
                }
        }
        return (tensor(a.ToArray()), tensor(p.ToArray()), tensor(n.ToArray()));
    }

    /// <summary>HDCMiner: the hardest half of the positive pairs and of the negative pairs.</summary>
    public static (Tensor A1, Tensor P, Tensor A2, Tensor N) Hdc(Tensor distances, Tensor labels)
    {
        var (a1, p, a2, n) = Pieces.AllPairs(labels);
        var (_, far) = distances[a1, p].topk((int)Math.Ceiling(0.5 * a1.size(0)));
        var (_, near) = distances[a2, n].topk((int)Math.Ceiling(0.5 * a2.size(0)), largest: false);
        return (a1[far], p[far], a2[near], n[near]);
    }

    /// <summary>PairMarginMiner.</summary>
    public static (Tensor A1, Tensor P, Tensor A2, Tensor N) PairMargin(Tensor distances, Tensor labels, double positive, double negative)
    {
        var (a1, p, a2, n) = Pieces.AllPairs(labels);
        var (far, near) = (distances[a1, p] > positive, distances[a2, n] < negative);
        return (a1[far], p[far], a2[near], n[near]);
    }

    /// <summary>The pairs that sentence-transformers' OnlineContrastiveLoss picks.</summary>
    public static (Tensor A1, Tensor P, Tensor A2, Tensor N) HardPairs(Tensor distances, Tensor labels)
    {
        var (a1, p, a2, n) = Pieces.AllPairs(labels);
        var (positives, negatives) = (distances[a1, p], distances[a2, n]);
        var (far, near) = (positives > negatives.min(), negatives < positives.max());
        return (a1[far], p[far], a2[near], n[near]);
    }

    /// <summary>
    /// open-metric-learning's HardClusters: it copies the batch for each class. It gives the means [C, D], then for each class the farthest
    /// row and the class of the nearest other mean.
    /// </summary>
    public static (Tensor Means, Tensor Positives, Tensor Negatives) HardCluster(Tensor x, Tensor labels)
    {
        var classes = labels.unique().output;
        var (n, c) = (x.size(0), classes.size(0));
        var own = classes.unsqueeze(1) == labels.unsqueeze(0);
        var grouped = x.repeat(c, 1, 1)[own].view(c, -1, x.size(1));
        var means = grouped.mean([1]);
        var rows = arange(n, device: x.device).repeat(c, 1)[own].view(c, -1);
        var (_, far) = (grouped - means.unsqueeze(1).repeat(1, rows.size(1), 1)).pow(2).sum(2).max(1);
        var itself = eye(c, dtype: ScalarType.Bool, device: x.device);
        var between = Distances.Euclidean(means, means).masked_fill(itself, float.PositiveInfinity);
        return (means, rows.gather(1, far.unsqueeze(1)).squeeze(1), between.min(1).indexes);
    }

    private static (Tensor A, Tensor P, Tensor N) Triplets(Tensor distances, Tensor labels, Func<Tensor, Tensor> keep)
    {
        var (a, p, n) = Pieces.AllTriplets(labels);
        var kept = keep(distances[a, n] - distances[a, p]);
        return (a[kept], p[kept], n[kept]);
    }
}
