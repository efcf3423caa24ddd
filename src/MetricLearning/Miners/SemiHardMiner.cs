using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>The positives of an anchor for which a semi-hard negative is searched.</summary>
public enum SemiHardPositives
{
    /// <summary>Every positive: one triplet for each positive pair, as in FaceNet and TensorFlow Addons.</summary>
    Each,

    /// <summary>The farthest positive: one triplet for each anchor, as in TensorFlow Similarity and in pytorch-metric-learning's
    /// BatchEasyHardMiner("hard", "semihard").</summary>
    Hardest,

    /// <summary>The nearest positive: one triplet for each anchor, as in pytorch-metric-learning's BatchEasyHardMiner by default.</summary>
    Easiest,
}

/// <summary>What happens to a positive pair if no negative is farther than its positive.</summary>
public enum SemiHardFallback
{
    /// <summary>It gives no triplet, as in pytorch-metric-learning.</summary>
    Drop,

    /// <summary>It gets the anchor's farthest negative, as in TensorFlow Addons, TensorFlow Similarity and
    /// sentence-transformers.</summary>
    FarthestNegative,
}

/// <summary>Picks for each positive pair the nearest negative that is strictly farther from the anchor than the positive.</summary>
/// <remarks>
/// Memory O(N·M), whatever the number of positive pairs. On the CPU the matrix is searched in place, with one pass of the row for each
/// pair. On other devices, and if anchors have more than 64 positives on average, each row is sorted once and a binary search finds each
/// negative. Schroff, Kalenichenko, Philbin, <i>FaceNet</i>, CVPR 2015, eq. 4.
/// </remarks>
public sealed class SemiHardMiner : Miner
{
    /// <summary>Which positives of an anchor are used; each of them by default.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is undefined.</exception>
    public SemiHardPositives Positives { get; init => field = Guard.Defined(value); } = SemiHardPositives.Each;

    /// <summary>What happens to a positive pair if no negative is farther than its positive; it is dropped by default.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is undefined.</exception>
    public SemiHardFallback Fallback { get; init => field = Guard.Defined(value); } = SemiHardFallback.Drop;

    /// <inheritdoc/>
    protected override Tuples MineCore(Tensor distances, Pairs candidates) => SemiHardSearch.Supports(distances, candidates, Positives)
        ? SemiHardSearch.Find(distances, candidates, Positives, Fallback)
        : BySorting(distances, candidates);

    /// <summary>The same triplets by tensor operations: a sort of each row, and a binary search for each pair.</summary>
    internal Triplets BySorting(Tensor distances, Pairs candidates)
    {
        var others = candidates.Negatives.logical_not();
        var (sorted, order, count) = CandidateOrder.Sort(distances, candidates.Negatives);
        var (anchors, positives) = PositivePairs(distances, candidates);
        var kept = (count.index_select(0, anchors) > S(0)).nonzero().squeeze(1);
        (anchors, positives) = (anchors.index_select(0, kept), positives.index_select(0, kept));
        var pair = (anchors * S(candidates.Columns)).Plus(positives);
        var radius = distances.reshape(-1).index_select(0, pair);

        // The place of the first negative beyond the positive in the sorted row; past the end if there is none.
        var beyond = searchsorted(sorted, distances.contiguous(), right: true).reshape(-1).index_select(0, pair);
        var found = beyond < count.index_select(0, anchors);
        var place = (anchors * S(candidates.Columns)).Plus(beyond.clamp_max(S(candidates.Columns - 1)));
        var farthest = distances.masked_fill(others, S(double.NegativeInfinity)).argmax(1).index_select(0, anchors);
        var negatives = where(found, order.reshape(-1).index_select(0, place), farthest);

        // NaN cannot be ordered: it is taken wherever it occurs.
        var nan = distances.isnan() & candidates.Negatives;
        var nanRow = nan.any(1).index_select(0, anchors);
        negatives = where(nanRow, nan.to(ScalarType.Byte).argmax(1).index_select(0, anchors), negatives);
        if (Fallback == SemiHardFallback.Drop)
        {
            kept = (found | nanRow | radius.isnan()).nonzero().squeeze(1);
            (anchors, positives, negatives) = (anchors.index_select(0, kept), positives.index_select(0, kept),
                negatives.index_select(0, kept));
        }
        return new Triplets(anchors, positives, negatives, candidates.Rows, candidates.Columns);
    }

    /// <summary>The positive pairs that <see cref="Positives"/> chooses.</summary>
    private (Tensor Anchors, Tensor Positives) PositivePairs(Tensor distances, Pairs candidates)
    {
        if (Positives == SemiHardPositives.Each) return candidates.PositivePairs();
        var others = candidates.Positives.logical_not();
        var chosen = Positives == SemiHardPositives.Hardest
            ? distances.masked_fill(others, S(double.NegativeInfinity)).argmax(1)
            : distances.masked_fill(others, S(double.PositiveInfinity)).argmin(1);
        var anchors = CandidateOrder.Has(candidates.Positives, chosen).nonzero().squeeze(1);
        return (anchors, chosen.index_select(0, anchors));
    }
}
