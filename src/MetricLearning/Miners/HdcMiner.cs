using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>The hardest part of all pairs of the batch: of the positives the farthest, of the negatives the nearest.</summary>
/// <remarks>
/// ⌈fraction · K⌉ of K pairs, each kind on its own, over the whole batch and not per anchor. Memory O(N·M); nothing is sorted.
/// Yuan, Yang, Zhang, <i>Hard-Aware Deeply Cascaded Embedding</i>, ICCV 2017; as pytorch-metric-learning's HDCMiner.
/// </remarks>
public sealed class HdcMiner : Miner
{
    /// <summary>Creates the miner.</summary>
    /// <param name="fraction">What is kept, in (0, 1]; 0.5 by default.</param>
    public HdcMiner(double fraction = 0.5) => Fraction = Guard.Within(Guard.Positive(fraction), 0, 1);

    /// <summary>What is kept of each kind.</summary>
    public double Fraction { get; }

    /// <inheritdoc/>
    protected override Tuples MineCore(Tensor distances, Pairs candidates) =>
        new Pairs(Lowest(-distances, candidates.Positives), Lowest(distances, candidates.Negatives));

    /// <summary>The first entries by key, lower index first where keys are equal; NaN comes before all.</summary>
    private Tensor Lowest(Tensor keys, Tensor mask)
    {
        keys = keys.masked_fill(keys.isnan(), S(double.NegativeInfinity));
        var values = keys.masked_select(mask);
        if (values.numel() == 0) return mask.clone();         // the candidates keep their own
        var kept = (long)Math.Ceiling(Fraction * values.numel());
        var last = values.kthvalue(kept, dim: 0, keepdim: false).values;
        var (lower, ties) = (mask & (keys < last), mask & (keys == last));
        var room = S(kept) - lower.sum();
        return lower | (ties & (ties.reshape(-1).cumsum(0).view_as(ties) <= room));
    }
}
