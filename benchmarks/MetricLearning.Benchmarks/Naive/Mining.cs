using static TorchSharp.torch;

namespace MetricLearning.Benchmarks.Naive;

/// <summary>pytorch-metric-learning's miners.</summary>
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
        return (hardPositives[0], nearOrder[hardPositives[0], hardPositives[1]], hardNegatives[0], farOrder[hardNegatives[0], hardNegatives[1]]);
    }

    /// <summary>TripletMarginMiner("semihard"): all triplets, then those with 0 &lt; d(a,n) − d(a,p) ≤ margin.</summary>
    public static (Tensor A, Tensor P, Tensor N) SemiHardTriplets(Tensor distances, Tensor labels, double margin)
    {
        var (a, p, n) = Pieces.AllTriplets(labels);
        var gaps = distances[a, n] - distances[a, p];
        var kept = (gaps > 0) & (gaps <= margin);
        return (a[kept], p[kept], n[kept]);
    }
}
