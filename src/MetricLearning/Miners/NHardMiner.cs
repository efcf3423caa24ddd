using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Keeps the positives and the negatives of given ranks for each anchor; rank 0 is the hardest.</summary>
/// <remarks>
/// <c>0..1</c> for both is batch-hard. <c>2..5</c> leaves out the two hardest, which often have a wrong label. <c>..^1</c> leaves out the
/// easiest. An anchor with fewer candidates keeps those that it has in the range; an anchor that keeps no positive or no negative gives
/// nothing. If the loss needs triplets, each kept positive of an anchor is joined with each kept negative. Memory O(N·M), two sorts of each
/// row. It follows open-metric-learning's NHardTripletsMiner, which counts ranks from 1 and includes the last one. Its (3, 5) is
/// <c>2..5</c> here.
/// </remarks>
public sealed class NHardMiner : Miner
{
    /// <summary>Creates the miner.</summary>
    /// <param name="positives">Ranks of the positives; the farthest has rank 0.</param>
    /// <param name="negatives">Ranks of the negatives; the nearest has rank 0.</param>
    /// <exception cref="ArgumentOutOfRangeException">A range holds no rank.</exception>
    public NHardMiner(Range positives, Range negatives) =>
        (Positives, Negatives) = (NotEmpty(positives, nameof(positives)), NotEmpty(negatives, nameof(negatives)));

    /// <summary>Ranks of the positives that are kept.</summary>
    public Range Positives { get; }

    /// <summary>Ranks of the negatives that are kept.</summary>
    public Range Negatives { get; }

    /// <inheritdoc/>
    protected override Tuples MineCore(Tensor distances, Pairs candidates)
    {
        var positives = CandidateOrder.AtRanks(-distances, candidates.Positives, Positives);
        var negatives = CandidateOrder.AtRanks(distances, candidates.Negatives, Negatives);
        var complete = positives.any(1, keepdim: true) & negatives.any(1, keepdim: true);
        return new Pairs(positives & complete, negatives & complete);
    }

    /// <summary>A range with one end counted from the start and one from the end may be empty for some anchors only.</summary>
    private static Range NotEmpty(Range range, string name)
    {
        var (start, end) = (range.Start, range.End);
        var isEmpty = start.IsFromEnd == end.IsFromEnd && (start.IsFromEnd ? start.Value <= end.Value : start.Value >= end.Value);
        return isEmpty ? throw new ArgumentOutOfRangeException(name, range, $"{name} must hold at least one rank.") : range;
    }
}
