using static TorchSharp.torch;
using static TorchSharp.torch.nn.functional;

namespace MetricLearning.Benchmarks.Naive;

/// <summary>Losses on soft ranks and histograms, as pytorch-metric-learning computes them unless stated otherwise.</summary>
internal static class RankingLosses
{
    /// <summary>FastAPLoss: a pulse for each bin and pair.</summary>
    public static Tensor FastAp(Tensor x, Tensor labels, int bins = 10)
    {
        var d = Distances.EuclideanNormalized(x, x).pow(2);
        var (positives, negatives) = Pieces.MasksOf(d, Pieces.AllPairs(labels));
        var counts = positives.sum(1);
        var nodes = linspace(0, 4, bins + 1, device: x.device).view(-1, 1, 1);
        var pulse = relu(1 - (d - nodes).abs() / (4.0 / bins));
        var near = (pulse * positives).sum(2).t();
        var far = (pulse * negatives).sum(2).t();
        var hits = near * near.cumsum(1);
        var all = (near + far).cumsum(1);
        var safe = (hits > 0) & (all > 0);
        var precision = zeros_like(near);
        precision[safe] = hits[safe] / all[safe];
        var anchors = counts > 0;
        return (1 - precision.sum(1)[anchors] / counts[anchors]).mean();
    }

    /// <summary>
    /// The authors' SmoothAP on rows of length 1: N³ differences. It needs classes of one size in order, so the rows are sorted here.
    /// </summary>
    public static Tensor SmoothAp(Tensor x, Tensor labels, double temperature = 0.01)
    {
        var n = x.size(0);
        var unit = Distances.Unit(x[labels.argsort()]);
        var own = n / labels.unique().output.size(0);
        var others = 1 - eye(n, device: x.device).unsqueeze(0).repeat(n, 1, 1);
        var s = unit.matmul(unit.t()).unsqueeze(1).repeat(1, n, 1);
        var ranks = (Step(s - s.permute(0, 2, 1), temperature) * others).sum(-1) + 1;
        var groups = unit.view(n / own, own, -1);
        var ofGroup = groups.bmm(groups.permute(0, 2, 1)).unsqueeze(2).repeat(1, 1, own, 1);
        var others2 = 1 - eye(own, device: x.device).unsqueeze(0).unsqueeze(0).repeat(n / own, own, 1, 1);
        var ownRanks = (Step(ofGroup - ofGroup.permute(0, 1, 3, 2), temperature) * others2).sum(-1) + 1;
        var precision = zeros(1, device: x.device);
        for (var i = 0; i < n / own; i++)
            precision += (ownRanks[i] / ranks.narrow(0, i * own, own).narrow(1, i * own, own)).sum() / own / n;
        return 1 - precision.squeeze();
    }

    /// <summary>PNPLoss, variant O: N³ differences.</summary>
    public static Tensor Pnp(Tensor x, Tensor labels, double temperature = 0.01)
    {
        var n = x.size(0);
        var s = Distances.Similarity(x, x);
        var (positives, negatives) = Pieces.MasksOf(s, Pieces.AllPairs(labels));
        positives = positives + eye(n, device: x.device);
        var repeated = s.unsqueeze(1).repeat(1, n, 1);
        var before = (Step(repeated - repeated.permute(0, 2, 1), temperature) * negatives.unsqueeze(0).repeat(n, 1, 1)).sum(-1);
        return ((before * positives).sum(1) / positives.sum(1)).sum() / n;
    }

    /// <summary>open-metric-learning's SurrogatePrecision: N³ differences.</summary>
    public static Tensor SurrogatePrecision(Tensor x, Tensor labels, int k = 5)
    {
        var d = Distances.Euclidean(x, x);
        var own = (labels.unsqueeze(1) == labels.unsqueeze(0)).to(d.dtype);
        var ranks = ((d.unsqueeze(0) - d.t().unsqueeze(2)) / 0.01).sigmoid().sum(dim: 0);
        return 1 - ((k + 1 - ranks).sigmoid() * own).sum(1).div(own.sum(1).clamp(max: k + 1)).mean();
    }

    /// <summary>HistogramLoss: the pairs of all triplets, each counted once.</summary>
    public static Tensor Histogram(Tensor x, Tensor labels, int bins = 100)
    {
        var s = Distances.Similarity(x, x);
        var (a, p, n) = Pieces.AllTriplets(labels);
        return (Density(Once(a, n)) * Density(Once(a, p)).cumsum(0)).sum();

        Tensor Once(Tensor one, Tensor other)
        {
            var (sorted, _) = stack([one, other]).sort(0);
            var (pairs, _, _) = sorted.unique(dim: 1);
            return s[pairs[0], pairs[1]];
        }

        Tensor Density(Tensor values)
        {
            var delta = 2.0 / bins;
            var bin = ((values.detach() + 1) / delta).floor().to(ScalarType.Int64);
            return zeros(bins + 1, device: x.device)
                .scatter_add(0, bin + 1, (values + 1 - bin * delta) / delta)
                .scatter_add(0, bin, ((bin + 1) * delta - 1 - values) / delta) / values.size(0);
        }
    }

    private static Tensor Step(Tensor differences, double temperature) =>
        1 / (1 + (-differences / temperature).clamp(-50, 50).exp());
}
