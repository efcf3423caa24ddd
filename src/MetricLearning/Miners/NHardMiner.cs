using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>For each anchor the positives and the negatives of given ranks, rank 0 the hardest.</summary>
/// <remarks>
/// <c>0..1</c> and <c>0..1</c> is batch-hard; <c>2..5</c> leaves out the two hardest, which wrong labels often are; <c>..^1</c> all but the
/// easiest. Where an anchor has fewer candidates, those that there are; an anchor left without a positive or a negative gives nothing. The
/// pairs of an anchor are joined to triplets, each positive with each negative, where the loss wants triplets. Memory O(N·M), two sorts of
/// each row. As open-metric-learning's NHardTripletsMiner, which counts ranks from 1 and includes the last: its (3, 5) is <c>2..5</c>.
/// </remarks>
public sealed class NHardMiner : Miner
{
    /// <summary>Creates the miner.</summary>
    /// <param name="positives">Ranks of the positives, the farthest first.</param>
    /// <param name="negatives">Ranks of the negatives, the nearest first.</param>
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

    private static Range NotEmpty(Range range, string name) =>
        range.Start.IsFromEnd == range.End.IsFromEnd && (range.Start.IsFromEnd ? range.Start.Value <= range.End.Value
            : range.Start.Value >= range.End.Value)
            ? throw new ArgumentOutOfRangeException(name, range, $"{name} must hold at least one rank.") : range;
}
