using static TorchSharp.torch;

namespace MetricLearning.Benchmarks.Naive;

/// <summary>The functions from which pytorch-metric-learning's losses and miners are built.</summary>
internal static class Pieces
{
    /// <summary>Masks of the positive pairs, without the diagonal, and of the negative pairs.</summary>
    public static (Tensor Positives, Tensor Negatives) Masks(Tensor labels)
    {
        var same = labels.unsqueeze(1) == labels.unsqueeze(0);
        return (same.logical_and(eye(labels.size(0), dtype: ScalarType.Bool, device: labels.device).logical_not()), same.logical_not());
    }

    /// <summary>Indices of all positive and of all negative pairs.</summary>
    public static (Tensor A1, Tensor P, Tensor A2, Tensor N) AllPairs(Tensor labels)
    {
        var (positives, negatives) = Masks(labels);
        Tensor[] near = where(positives), far = where(negatives);
        return (near[0], near[1], far[0], far[1]);
    }

    /// <summary>Indices of all triplets, by a mask of N³ entries.</summary>
    public static (Tensor A, Tensor P, Tensor N) AllTriplets(Tensor labels)
    {
        var (positives, negatives) = Masks(labels);
        var all = where(positives.unsqueeze(2) & negatives.unsqueeze(1));
        return (all[0], all[1], all[2]);
    }

    /// <summary>log Σ exp of the kept entries of each row, or 0 if none is kept; with <paramref name="addOne"/>, log(1 + Σ exp).</summary>
    public static Tensor LogSumExp(Tensor x, Tensor keep, bool addOne, long dim = 1)
    {
        x = x.masked_fill(keep.logical_not(), float.MinValue);
        if (addOne) x = cat([x, zeros_like(x.narrow(dim, 0, 1))], dim);
        return x.logsumexp(dim).masked_fill(keep.any(dim).logical_not(), 0);
    }

    /// <summary>The mean of the values above 0; 0 if there are none.</summary>
    public static Tensor NonZeroMean(Tensor values)
    {
        var active = values > 0;
        return active.sum().item<long>() == 0 ? values.sum() * 0 : values[active].mean();
    }

    /// <summary>Masks [N, N] from lists of pairs, as the losses over all pairs make them.</summary>
    public static (Tensor Positives, Tensor Negatives) MasksOf(Tensor like, (Tensor A1, Tensor P, Tensor A2, Tensor N) pairs)
    {
        var (positives, negatives) = (zeros_like(like), zeros_like(like));
        positives[pairs.A1, pairs.P] = tensor(1f, device: like.device);
        negatives[pairs.A2, pairs.N] = tensor(1f, device: like.device);
        return (positives, negatives);
    }
}
