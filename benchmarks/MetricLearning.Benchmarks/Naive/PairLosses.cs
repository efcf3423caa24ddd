using static TorchSharp.torch;
using static TorchSharp.torch.nn.functional;

namespace MetricLearning.Benchmarks.Naive;

/// <summary>Losses over pairs, as pytorch-metric-learning computes them unless stated otherwise.</summary>
internal static class PairLosses
{
    /// <summary>MultiSimilarityLoss, with its miner if ε is given. The miner computes its own distance matrix.</summary>
    public static Tensor MultiSimilarity(Tensor x, Tensor labels, double? epsilon = null, double alpha = 2, double beta = 50,
        double offset = 0.5)
    {
        var pairs = Pieces.AllPairs(labels);
        if (epsilon is { } e)
            using (no_grad()) pairs = Mining.MultiSimilarity(Distances.Similarity(x, x), labels, e);
        var s = Distances.Similarity(x, x);
        var (positives, negatives) = Pieces.MasksOf(s, pairs);
        var pull = Pieces.LogSumExp(alpha * (offset - s), positives.to(ScalarType.Bool), addOne: true) / alpha;
        var push = Pieces.LogSumExp(beta * (s - offset), negatives.to(ScalarType.Bool), addOne: true) / beta;
        return (pull + push).mean();
    }

    public static Tensor SupCon(Tensor x, Tensor labels, double temperature = 0.1)
    {
        var s = Distances.Similarity(x, x);
        var (positives, negatives) = Pieces.MasksOf(s, Pieces.AllPairs(labels));
        s = s / temperature;
        s = s - s.max(1, keepdim: true).values.detach();
        var logs = s - Pieces.LogSumExp(s, (positives + negatives).to(ScalarType.Bool), addOne: false).unsqueeze(1);
        return Pieces.NonZeroMean(-(positives * logs).sum(1) / (positives.sum(1) + 1e-38));
    }

    public static Tensor Circle(Tensor x, Tensor labels, double margin = 0.4, double gamma = 80)
    {
        var s = Distances.Similarity(x, x);
        var (positives, negatives) = Pieces.MasksOf(s, Pieces.AllPairs(labels));
        var (near, far) = (positives.to(ScalarType.Bool), negatives.to(ScalarType.Bool));
        var (sp, sn) = (s[near], s[far]);
        var scores = zeros_like(s);
        scores[near] = -gamma * relu(1 + margin - sp.detach()) * (sp - (1 - margin));
        scores[far] = gamma * relu(sn.detach() + margin) * (sn - margin);
        var losses = softplus(Pieces.LogSumExp(scores, near, addOne: false) + Pieces.LogSumExp(scores, far, addOne: false));
        return Pieces.NonZeroMean(losses.masked_fill((near.any(1) & far.any(1)).logical_not(), 0));
    }

    public static Tensor Contrastive(Tensor x, Tensor labels, double positiveMargin = 0, double negativeMargin = 1)
    {
        var d = Distances.EuclideanNormalized(x, x);
        var (a1, p, a2, n) = Pieces.AllPairs(labels);
        return Pieces.NonZeroMean(relu(d[a1, p] - positiveMargin)) + Pieces.NonZeroMean(relu(negativeMargin - d[a2, n]));
    }

    /// <summary>Holds positive pairs × negative pairs numbers.</summary>
    public static Tensor NTXent(Tensor x, Tensor labels, double temperature = 0.07)
    {
        var s = Distances.Similarity(x, x);
        var (a1, p, a2, n) = Pieces.AllPairs(labels);
        var near = s[a1, p].unsqueeze(1) / temperature;
        var mine = a2.unsqueeze(0) == a1.unsqueeze(1);
        var far = (s[a2, n] / temperature * mine.to(s.dtype)).masked_fill(mine.logical_not(), float.MinValue);
        var largest = maximum(near, far.max(1, keepdim: true).values).detach();
        var numerator = (near - largest).exp().squeeze(1);
        var denominator = (far - largest).exp().sum(1) + numerator;
        return -(numerator / denominator + 1e-38).log().mean();
    }

    /// <summary>Holds positive pairs × negative pairs numbers.</summary>
    public static Tensor Lifted(Tensor x, Tensor labels, double negativeMargin = 1)
    {
        var d = Distances.EuclideanNormalized(x, x);
        var (a1, p, a2, n) = Pieces.AllPairs(labels);
        var mine = (a2.unsqueeze(0) == a1.unsqueeze(1)) | (a2.unsqueeze(0) == p.unsqueeze(1));
        var push = Pieces.LogSumExp((negativeMargin - d[a2, n]).unsqueeze(0).expand(mine.shape), mine, addOne: false);
        return (relu(push + d[a1, p]).pow(2) / 2).mean();
    }

    public static Tensor GeneralizedLifted(Tensor x, Tensor labels, double negativeMargin = 1)
    {
        var d = Distances.EuclideanNormalized(x, x);
        var (positives, negatives) = Pieces.MasksOf(d, Pieces.AllPairs(labels));
        return relu(Pieces.LogSumExp(d, positives.to(ScalarType.Bool), addOne: false)
            + Pieces.LogSumExp(negativeMargin - d, negatives.to(ScalarType.Bool), addOne: false)).mean();
    }

    public static Tensor Nca(Tensor x, Tensor labels)
    {
        var scores = -Distances.EuclideanNormalized(x, x).pow(2);
        scores = scores.masked_fill(eye(x.size(0), dtype: ScalarType.Bool, device: x.device), float.MinValue);
        var mass = (softmax(scores, 1) * (labels.unsqueeze(1) == labels.unsqueeze(0)).to(scores.dtype)).sum(1);
        return -mass[mass > 0].log().mean();
    }

    public static Tensor NPairs(Tensor x, Tensor labels)
    {
        var (a1, p, _, _) = Pieces.AllPairs(labels);
        var seen = new HashSet<long>();
        var ofPairs = labels[a1].cpu().data<long>().ToArray();
        long[] first = [.. Enumerable.Range(0, ofPairs.Length).Where(i => seen.Add(ofPairs[i])).Select(i => (long)i)];
        var chosen = tensor(first, device: x.device);
        var s = Distances.Similarity(x[a1[chosen]], x[p[chosen]]);
        return cross_entropy(s, arange(s.size(0), device: x.device));
    }

    /// <summary>Holds positive pairs × negative pairs numbers.</summary>
    public static Tensor TupletMargin(Tensor x, Tensor labels, double degrees = 5.73, double scale = 64)
    {
        var s = Distances.Similarity(x, x);
        var (a1, p, a2, n) = Pieces.AllPairs(labels);
        var eased = (s[a1, p].acos() - double.DegreesToRadians(degrees)).cos();
        var mine = a2.unsqueeze(0) == a1.unsqueeze(1);
        return Pieces.LogSumExp(scale * (s[a2, n].unsqueeze(0) - eased.unsqueeze(1)), mine, addOne: true).mean();
    }

    public static Tensor IntraPairVariance(Tensor x, Tensor labels, double epsilon = 0.01)
    {
        var s = Distances.Similarity(x, x);
        var (a1, p, a2, n) = Pieces.AllPairs(labels);
        var (near, far) = (s[a1, p], s[a2, n]);
        return relu((1 - epsilon) * near.mean() - near).pow(2).mean() + relu(far - (1 + epsilon) * far.mean()).pow(2).mean();
    }

    /// <summary>RankedListLoss.</summary>
    public static Tensor RankedList(Tensor x, Tensor labels, double margin = 0.4, double temperature = 10, double border = 1.2)
    {
        var d = Distances.EuclideanNormalized(x, x);
        var (positives, negatives) = Pieces.Masks(labels);
        var (far, near) = (positives & (d > border - margin), negatives & (d < border));
        Tensor pulled = zeros_like(d), pushed = zeros_like(d), pullWeights = zeros_like(d), pushWeights = zeros_like(d);
        (pulled[far], pushed[near]) = (d[far], d[near]);
        (pullWeights[far], pushWeights[near]) = (ones_like(d[far]), (temperature * (border - d[near])).exp());
        var pull = (pullWeights * (pulled - (border - margin))).sum(1) / (pullWeights + 1e-5).sum(1);
        var push = (pushWeights * (border - pushed)).sum(1) / (pushWeights + 1e-5).sum(1);
        return (0.5 * pull + 0.5 * push).mean();
    }

    /// <summary>ThresholdConsistentMarginLoss without its base loss: both rows of every pair are copied.</summary>
    public static Tensor ThresholdConsistentMargin(Tensor x, Tensor labels, double positiveMargin = 0.9, double negativeMargin = 0.5)
    {
        var (a1, p, a2, n) = Pieces.AllPairs(labels);
        var (near, far) = (cosine_similarity(x[a1], x[p], dim: 1), cosine_similarity(x[a2], x[n], dim: 1));
        return Mean(positiveMargin - near, near <= positiveMargin) + Mean(far - negativeMargin, far >= negativeMargin);

        static Tensor Mean(Tensor violations, Tensor kept) =>
            kept.sum().item<long>() == 0 ? zeros_like(violations.sum()) : (violations * kept).sum() / kept.sum();
    }

    /// <summary>InstanceLoss without labels.</summary>
    public static Tensor Instance(Tensor x, double gamma = 64)
    {
        var unit = x / (x.norm(1, keepdim: true) + 1e-6);
        return cross_entropy((unit * gamma).mm(unit.t()), arange(x.size(0), device: x.device));
    }

    /// <summary>sentence-transformers' MatryoshkaLoss around SupCon: the sum of the losses of all prefixes.</summary>
    public static Tensor MatryoshkaSupCon(Tensor x, Tensor labels, IEnumerable<int> widths) =>
        widths.Select(width => SupCon(x.narrow(1, 0, width), labels)).Aggregate((sum, part) => sum + part);

    /// <summary>fast-reid's pairwise_cosface.</summary>
    public static Tensor PairwiseCosFace(Tensor x, Tensor labels, double margin = 0.25, double gamma = 30)
    {
        var s = Distances.Similarity(x, x);
        var n = labels.size(0);
        var column = labels.view(n, 1).expand(n, n);
        var same = column.eq(column.t()).to(s.dtype) - eye(n, device: x.device);
        var other = column.ne(column.t()).to(s.dtype);
        var pull = -gamma * (s * same) + -99999999.0 * (1 - same);
        var push = gamma * (s * other + margin) + -99999999.0 * (1 - other);
        return softplus(pull.logsumexp(1) + push.logsumexp(1)).mean();
    }
}
