using static TorchSharp.torch;
using static TorchSharp.torch.nn.functional;

namespace MetricLearning.Benchmarks.Naive;

/// <summary>The triplet losses of the Python libraries. As in the originals, the gradient goes through the whole matrix.</summary>
internal static class TripletLosses
{
    /// <summary>fast-reid's triplet_loss with hard mining; reid-strong-baseline's is the same for classes of one size.</summary>
    public static Tensor FastReIdHard(Tensor x, Tensor labels, double margin)
    {
        var distances = Distances.EuclideanClamped(x, x);
        var n = labels.size(0);
        var column = labels.view(n, 1).expand(n, n);
        var same = column.eq(column.t()).to(ScalarType.Float32);
        var other = column.ne(column.t()).to(ScalarType.Float32);
        var (far, _) = (distances * same).max(1);
        var (near, _) = (distances * other + same * 1e9).min(1);
        return margin_ranking_loss(near, far, ones_like(near), margin);
    }

    /// <summary>fast-reid's weighted mining (AGW), with the soft margin.</summary>
    public static Tensor FastReIdWeighted(Tensor x, Tensor labels)
    {
        var distances = Distances.EuclideanClamped(x, x);
        var n = labels.size(0);
        var column = labels.view(n, 1).expand(n, n);
        var same = column.eq(column.t()).to(ScalarType.Float32);
        var other = column.ne(column.t()).to(ScalarType.Float32);
        var (near, far) = (distances * same, distances * other);
        var difference = (far * Softmax(-far, other)).sum(1) - (near * Softmax(near, same)).sum(1);
        return soft_margin_loss(difference, ones_like(difference));

        static Tensor Softmax(Tensor scores, Tensor mask)
        {
            var (largest, _) = (scores * mask).max(1, keepdim: true);
            var weights = (scores - largest).exp() * mask;
            return weights / (weights.sum(1, keepdim: true) + 1e-6);
        }
    }

    /// <summary>torchreid's TripletLoss: a loop over the anchors.</summary>
    public static Tensor TorchReIdHard(Tensor x, Tensor labels, double margin)
    {
        var n = x.size(0);
        var squares = x.pow(2).sum(1, keepdim: true).expand(n, n);
        var distances = (squares + squares.t()).addmm_(x, x.t(), beta: 1, alpha: -2).clamp(min: 1e-12).sqrt();
        var column = labels.expand(n, n);
        var mask = column.eq(column.t());
        Tensor[] far = new Tensor[n], near = new Tensor[n];
        for (var i = 0; i < n; i++)
        {
            far[i] = distances[i][mask[i]].max().unsqueeze(0);
            near[i] = distances[i][mask[i].logical_not()].min().unsqueeze(0);
        }
        var negatives = cat(near);
        return margin_ranking_loss(negatives, cat(far), ones_like(negatives), margin);
    }

    /// <summary>pytorch-metric-learning's TripletMarginLoss with its BatchHardMiner, which computes its own distance matrix.</summary>
    public static Tensor PmlHard(Tensor x, Tensor labels, double margin)
    {
        (Tensor A, Tensor P, Tensor N) mined;
        using (no_grad()) mined = Mining.BatchHard(Distances.EuclideanNormalized(x, x), labels);
        return Hinge(Distances.EuclideanNormalized(x, x), mined, margin);
    }

    /// <summary>pytorch-metric-learning's TripletMarginLoss on all triplets.</summary>
    public static Tensor PmlAll(Tensor x, Tensor labels, double margin) =>
        Hinge(Distances.EuclideanNormalized(x, x), Pieces.AllTriplets(labels), margin);

    /// <summary>Hermans et al.: all N·N·D differences in memory; the hardest triplet, without the anchor itself.</summary>
    public static Tensor Hermans(Tensor x, Tensor labels, double margin)
    {
        var distances = ((x.unsqueeze(0) - x.unsqueeze(1)).square().sum(2) + 1e-12).sqrt();
        var (positives, negatives) = Pieces.Masks(labels);
        var far = (distances * positives.to(ScalarType.Float32)).amax(1);
        var near = distances.masked_fill(negatives.logical_not(), float.PositiveInfinity).amin(1);
        return relu(far - near + margin).mean();
    }

    /// <summary>TensorFlow Addons' triplet_hard_loss.</summary>
    public static Tensor KerasHard(Tensor x, Tensor labels, double margin)
    {
        var distances = KerasDistances(x);
        var same = labels.unsqueeze(1) == labels.unsqueeze(0);
        var hardNegatives = MaskedMinimum(distances, same.logical_not());
        var positives = same & eye(x.size(0), device: x.device).to(ScalarType.Bool).logical_not();
        return relu(MaskedMaximum(distances, positives) - hardNegatives + margin).mean();
    }

    /// <summary>TensorFlow Addons' triplet_semihard_loss: the matrix is repeated for every column, N³ numbers, and only what the gradient
    /// needs is kept.</summary>
    public static Tensor KerasSemiHard(Tensor x, Tensor labels, double margin)
    {
        var n = x.size(0);
        var distances = KerasDistances(x);
        var same = labels.unsqueeze(1) == labels.unsqueeze(0);
        var other = same.logical_not();
        var (found, nearest) = Beyond();
        var beyond = nearest.reshape(n, n).t();
        var farthest = MaskedMaximum(distances, other).unsqueeze(1).repeat(1, n);
        var violations = margin + distances - where(found.reshape(n, n).t(), beyond, farthest);
        var positives = same.to(ScalarType.Float32) - eye(n, device: x.device);
        return relu(violations * positives).sum() / positives.sum();

        // For each pair, by columns: whether a row of another identity is farther than the pair, and the nearest such row.
        (Tensor, Tensor) Beyond()
        {
            using var scope = NewDisposeScope();
            var tiled = distances.repeat(n, 1);
            var mask = other.repeat(n, 1).logical_and_(tiled > distances.t().reshape(-1, 1));
            return (mask.any(1).MoveToOuterDisposeScope(), MaskedMinimum(tiled, mask).MoveToOuterDisposeScope());
        }
    }

    private static Tensor Hinge(Tensor distances, (Tensor A, Tensor P, Tensor N) t, double margin) =>
        Pieces.NonZeroMean(relu(distances[t.A, t.P] - distances[t.A, t.N] + margin));

    private static Tensor KerasDistances(Tensor x)
    {
        var squares = x.square().sum(1, keepdim: true);
        var d2 = (squares + squares.t() - 2 * x.matmul(x.t())).clamp(min: 0);
        var zero = (d2 <= 0).to(ScalarType.Float32);
        var distances = (d2 + zero * 1e-16).sqrt() * (1 - zero);
        return distances * (1 - eye(x.size(0), device: x.device));
    }

    private static Tensor MaskedMinimum(Tensor x, Tensor mask)
    {
        var largest = x.amax([1], keepdim: true);
        using var below = x - largest;
        return (below * mask).amin([1]) + largest.squeeze(1);
    }

    private static Tensor MaskedMaximum(Tensor x, Tensor mask)
    {
        var smallest = x.amin([1], keepdim: true);
        using var above = x - smallest;
        return (above * mask).amax([1]) + smallest.squeeze(1);
    }
}
