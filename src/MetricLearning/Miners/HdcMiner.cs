using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Keeps the hardest part of all pairs of the batch: the farthest positive pairs and the nearest negative pairs.</summary>
/// <remarks>
/// ⌈fraction · K⌉ of K pairs are kept, separately for positives and negatives, over the whole batch and not per anchor. Memory O(N·M);
/// nothing is sorted. Yuan, Yang, Zhang, <i>Hard-Aware Deeply Cascaded Embedding</i>, ICCV 2017; as in pytorch-metric-learning's HDCMiner.
/// </remarks>
public sealed class HdcMiner : Miner
{
    /// <summary>Creates the miner.</summary>
    /// <param name="fraction">The part that is kept, in (0, 1]; 0.5 by default.</param>
    /// <exception cref="ArgumentOutOfRangeException">The fraction is out of range.</exception>
    public HdcMiner(double fraction = 0.5) => Fraction = Guard.Within(Guard.Positive(fraction), 0, 1);

    /// <summary>The part of each kind that is kept.</summary>
    public double Fraction { get; }

    /// <inheritdoc/>
    protected override Tuples MineCore(Tensor distances, Pairs candidates) =>
        new Pairs(Lowest(-distances, candidates.Positives), Lowest(distances, candidates.Negatives));

    /// <summary>The masked entries with the lowest keys. Among equal keys the lowest index comes first; NaN comes before all.</summary>
    private Tensor Lowest(Tensor keys, Tensor mask)
    {
        keys = keys.masked_fill(keys.isnan(), S(double.NegativeInfinity));
        var values = keys.masked_select(mask);
        if (values.numel() == 0) return mask.clone();         // the candidates keep their own mask
        var kept = (long)Math.Ceiling(Fraction * values.numel());
        var last = values.kthvalue(kept, dim: 0, keepdim: false).values;
        var (lower, ties) = (mask & (keys < last), mask & (keys == last));
        var room = S(kept) - lower.sum();
        return lower | (ties & (ties.reshape(-1).cumsum(0).view_as(ties) <= room));
    }
}
