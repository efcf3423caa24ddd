using static TorchSharp.torch;
using static TorchSharp.torch.nn.functional;

namespace MetricLearning.Benchmarks.Naive;

/// <summary>Losses over all triplets or over classes, as pytorch-metric-learning computes them unless stated otherwise.</summary>
internal static class AllTripletLosses
{
    /// <summary>MarginLoss with a fixed β.</summary>
    public static Tensor Margin(Tensor x, Tensor labels, double margin = 0.2, double beta = 1.2)
    {
        var d = Distances.EuclideanNormalized(x, x);
        var (a, p, n) = Pieces.AllTriplets(labels);
        var (pull, push) = (relu(d[a, p] - beta + margin), relu(beta - d[a, n] + margin));
        var active = (pull > 0).sum() + (push > 0).sum();
        return (pull + push).sum() / active;
    }

    /// <summary>AngularLoss. The negatives keep their length: all embeddings are multiplied with each positive pair.</summary>
    public static Tensor Angular(Tensor x, Tensor labels, double degrees = 40)
    {
        var (a, p, _, _) = Pieces.AllPairs(labels);
        var unit = Distances.Unit(x);
        var (anchors, positives) = (unit[a], unit[p]);
        var square = Math.Pow(Math.Tan(double.DegreesToRadians(degrees)), 2);
        var own = (anchors * positives).sum(1, keepdim: true);
        var others = (anchors + positives).matmul(x.unsqueeze(2)).squeeze(2).t();
        var kept = labels[a].unsqueeze(1) != labels.unsqueeze(0);
        return Pieces.LogSumExp(4 * square * others - 2 * (1 + square) * own, kept, addOne: true).mean();
    }

    /// <summary>
    /// CentroidTripletLoss, over all classes: the centers are sums of masked copies of the batch. The original compares with at most three
    /// other classes.
    /// </summary>
    public static Tensor CentroidTriplet(Tensor x, Tensor labels, double margin = 0.05)
    {
        var (positives, _) = Pieces.Masks(labels);
        var classes = labels.unique().output;
        var own = Centers(positives);
        var others = Centers(classes.unsqueeze(1) == labels.unsqueeze(0));
        var near = nn.functional.pairwise_distance(Distances.Unit(x), Distances.Unit(own));
        var met = where(labels.unsqueeze(1) != classes.unsqueeze(0));
        return Pieces.NonZeroMean(relu(near[met[0]] - Distances.EuclideanNormalized(x, others)[met[0], met[1]] + margin));

        Tensor Centers(Tensor masks) =>
            (masks.to(x.dtype).unsqueeze(2) * x.unsqueeze(0)).sum(dim: 1) / masks.sum(1, keepdim: true);
    }

    /// <summary>
    /// Chen et al.'s quadruplets of the hardest triplets, which no library has. The second negative is searched for in a mask of all
    /// triplets.
    /// </summary>
    public static Tensor Quadruplet(Tensor x, Tensor labels, double margin = 1, double secondMargin = 0.5)
    {
        var d = Distances.EuclideanNormalized(x, x).pow(2);
        (Tensor A, Tensor P, Tensor N) mined;
        using (no_grad()) mined = Mining.BatchHard(d, labels);
        var (a, p, n) = mined;
        var third = (labels[a].unsqueeze(1) != labels.unsqueeze(0)) & (labels[n].unsqueeze(1) != labels.unsqueeze(0));
        var (_, second) = d[n].masked_fill(third.logical_not(), float.PositiveInfinity).min(1);
        return relu(d[a, p] - d[a, n] + margin).mean() + relu(d[a, p] - d[n, second] + secondMargin).mean();
    }
}
