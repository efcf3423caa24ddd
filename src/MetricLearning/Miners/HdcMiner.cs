using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>The hardest part of all pairs of the batch: of the positives the farthest, of the negatives the nearest.</summary>
/// <remarks>
/// ⌈fraction · K⌉ of K pairs, each kind on its own, over the whole batch and not per anchor. Memory O(N·M), one sort.
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

    private Tensor Lowest(Tensor keys, Tensor mask)
    {
        var entries = mask.reshape(-1).nonzero().squeeze(1);
        var values = keys.reshape(-1).index_select(0, entries);
        var (_, order) = values.masked_fill(values.isnan(), S(double.NegativeInfinity)).sort(0, stable: true);
        return CandidateOrder.MaskOf(entries.index_select(0, order.narrow(0, 0, (long)Math.Ceiling(Fraction * entries.size(0)))), mask);
    }
}
