using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>One triplet an anchor: its farthest positive and its nearest negative.</summary>
/// <remarks>
/// Memory O(N·M). Anchors without a positive or without a negative give no triplet. Training can collapse with it where the learning rate
/// is high: watch the active fraction of the loss report.
/// Hermans, Beyer, Leibe, <i>In Defense of the Triplet Loss for Person Re-Identification</i>, 2017; as pytorch-metric-learning's BatchHardMiner.
/// </remarks>
public sealed class BatchHardMiner : Miner
{
    /// <summary>
    /// Whether an anchor is a positive of itself, as in the losses of torchreid, reid-strong-baseline and fast-reid: an anchor without
    /// another positive then keeps its triplet, at positive distance 0. False by default.
    /// </summary>
    public bool AnchorIsPositive { get; init; }

    /// <summary>
    /// Whether all candidates at the hardest distance are taken instead of the one of the lowest index; with <see cref="Reducer.PerAnchor"/>
    /// they share the gradient evenly, as where a peer takes a plain maximum. False by default.
    /// </summary>
    public bool KeepTies { get; init; }

    /// <inheritdoc/>
    protected override Tuples MineCore(Tensor distances, Pairs candidates)
    {
        var positives = AnchorIsPositive && candidates.Self is { } self
            ? candidates.Positives.scatter(1, self.unsqueeze(1), ones([self.size(0), 1], ScalarType.Bool, self.device))
            : candidates.Positives;
        var (farthest, positive) = distances.masked_fill(positives.logical_not(), S(double.NegativeInfinity)).max(1);
        var (nearest, negative) = distances.masked_fill(candidates.Negatives.logical_not(), S(double.PositiveInfinity)).min(1);
        if (KeepTies)
            return new Pairs(
                positives & (distances < farthest.unsqueeze(1)).logical_not(),
                candidates.Negatives & (distances > nearest.unsqueeze(1)).logical_not()).AsTriplets();
        var anchors = (positives.any(1) & candidates.Negatives.any(1)).nonzero().squeeze(1);
        return new Triplets(anchors, positive.index_select(0, anchors), negative.index_select(0, anchors), candidates.Rows, candidates.Columns);
    }
}
