using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Keeps the triplets whose gap t = d(a,n) − d(a,p) is in a range that the margin m bounds.</summary>
/// <remarks>
/// The <see cref="Kind"/> sets the range. All: t ≤ m; hard: t ≤ 0; semi-hard: 0 &lt; t ≤ m; easy: t &gt; m. The negatives of a positive
/// pair that are kept are neighbors in the sorted row of its anchor, so memory is O(N·M) plus the triplets that are kept, never N·M². With
/// a <see cref="Cap"/> a uniform sample of at most that size is drawn, and the other triplets are never made. Without one, more triplets
/// than fit in memory are refused. It follows pytorch-metric-learning's TripletMarginMiner.
/// </remarks>
public sealed class TripletMarginMiner : SeededMiner
{
    /// <summary>Creates the miner.</summary>
    /// <param name="margin">The margin m, in units of the distance, 0 or greater; 0.2 by default.</param>
    /// <param name="kind">Which triplets are kept; all inside the margin by default.</param>
    /// <exception cref="ArgumentOutOfRangeException">The margin is negative or not finite, or the kind is undefined.</exception>
    public TripletMarginMiner(double margin = 0.2, Hardness kind = Hardness.All) =>
        (Margin, Kind) = (Guard.NotNegative(margin), Guard.Defined(kind));

    /// <summary>The margin m, in units of the distance.</summary>
    public double Margin { get; }

    /// <summary>Which triplets are kept.</summary>
    public Hardness Kind { get; }

    /// <summary>The largest number of triplets, at least 1. If there are more, this number is drawn; all sets are equally likely. Null (the
    /// default) keeps all.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is below 1.</exception>
    public int? Cap { get; init => field = value is { } cap ? Guard.AtLeast(cap, 1, nameof(Cap)) : null; }

    /// <inheritdoc/>
    protected override Tuples MineCore(Tensor distances, Pairs candidates)
    {
        var (sorted, order, count) = CandidateOrder.Sort(distances, candidates.Negatives);
        var (anchors, positives) = candidates.PositivePairs();
        var pair = (anchors * S(candidates.Columns)).Plus(positives);
        var negatives = count.index_select(0, anchors);
        Tensor NoFartherThan(Tensor radii) =>
            minimum(searchsorted(sorted, radii.contiguous(), right: true).reshape(-1).index_select(0, pair), negatives);
        var first = Kind switch
        {
            Hardness.Easy => NoFartherThan(distances + S(Margin)),
            Hardness.SemiHard => NoFartherThan(distances),
            _ => zeros_like(anchors),
        };
        var end = Kind switch
        {
            Hardness.Easy => negatives,
            Hardness.Hard => NoFartherThan(distances),
            _ => NoFartherThan(distances + S(Margin)),
        };

        // NaN cannot be ordered: a pair that meets one takes the first negative of the sorted row, which is NaN if any negative is.
        var broken = (distances.isnan() & candidates.Negatives).any(1).index_select(0, anchors) | distances.reshape(-1)
            .index_select(0, pair).isnan();
        first = first.masked_fill(broken, S(0));
        end = where(broken, negatives.clamp_max(S(1)), end);
        return Take(order, anchors, positives, first, end - first, candidates);
    }

    /// <summary>The triplets of all pairs, or a sample of them. A pair has <c>lengths</c> negatives, which begin at place <c>first</c> of
    /// its sorted row. Triplets are numbered pair by pair, so triplet t belongs to the first pair that ends beyond t.</summary>
    private Triplets Take(Tensor order, Tensor anchors, Tensor positives, Tensor first, Tensor lengths, Pairs candidates)
    {
        const double bytesOfATriplet = 12 * sizeof(long);
        var ends = lengths.cumsum(0);
        var total = anchors.size(0) == 0 ? 0 : ends[-1].item<long>();
        var kept = Math.Min(total, Cap ?? total);
        TripletMemory.Require(kept, kept * bytesOfATriplet, order.device);
        var numbers = total > Cap
            ? tensor(Reservoir.Sample(NextRandom(), total, Cap.Value)).to(order.device)
            : Iota(total, order.device);
        var pair = searchsorted(ends, numbers, right: true);
        var place = first.index_select(0, pair).Plus(numbers) - (ends - lengths).index_select(0, pair);
        var rows = anchors.index_select(0, pair);
        return new(rows, positives.index_select(0, pair), order.reshape(-1).index_select(0, (rows * S(candidates.Columns)).Plus(place)),
            candidates.Rows, candidates.Columns);
    }
}
