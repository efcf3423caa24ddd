using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Keeps the positive pairs that are farther than the nearest negative pair of the batch, and the negative pairs that are nearer
/// than the farthest positive pair of the batch.</summary>
/// <remarks>
/// The comparison is over the whole batch, not per anchor. A batch without positive pairs or without negative pairs keeps nothing. Memory
/// O(N·M). sentence-transformers' OnlineContrastiveLoss picks pairs in the same way (<see cref="ContrastiveLoss.Online"/>), except that if
/// the other kind has at most one pair, it compares the pairs of a kind with the mean distance of their own kind.
/// </remarks>
public sealed class HardPairsMiner : Miner
{
    /// <inheritdoc/>
    protected override Tuples MineCore(Tensor distances, Pairs candidates)
    {
        var nearest = distances.masked_fill(candidates.Negatives.logical_not(), S(double.PositiveInfinity)).min();
        var farthest = distances.masked_fill(candidates.Positives.logical_not(), S(double.NegativeInfinity)).max();
        return new Pairs(
            candidates.Positives & (distances <= nearest).logical_not(), candidates.Negatives & (distances >= farthest).logical_not());
    }
}
