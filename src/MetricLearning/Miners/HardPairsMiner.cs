using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>The pairs of a batch that are on the wrong side of one of the other kind: positives farther than its nearest negative pair,
/// negatives nearer than its farthest positive pair.</summary>
/// <remarks>
/// Over the whole batch, not per anchor; a batch that lacks either kind keeps nothing, as there is nothing to be hard against. Memory
/// O(N·M). As sentence-transformers' OnlineContrastiveLoss picks them (<see cref="ContrastiveLoss.Online"/>), which takes the mean of the
/// other kind in place of its extreme where there is a single pair of it.
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
