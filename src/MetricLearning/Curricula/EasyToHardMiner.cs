using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Picks one triplet for each anchor, which is easy at first and becomes harder as a <see cref="Curriculum"/> advances. The
/// hardest candidates, which often have a wrong label, can always be skipped.</summary>
/// <remarks>
/// The positives of an anchor are ranked from the farthest (rank 0, the hardest) to the nearest, its negatives from the nearest to the
/// farthest. The ⌊s·n⌋ hardest of n candidates are skipped. Of the remaining m, the miner takes the one of rank <c>round((1 − h)(m −
/// 1))</c>, where the hardness <c>h = h₀ + (1 − h₀) · progress</c> grows from h₀ to 1. With s = 0 and progress 1 it equals
/// <see cref="BatchHardMiner"/>. Memory O(N·M), two sorts of each row. Bengio et al., <i>Curriculum Learning</i>, 2009, applied to ranks.
/// <para>Thread safety: any number of threads may mine at once, each with a batch of its own, while the curriculum does not
/// step.</para>
/// </remarks>
public sealed class EasyToHardMiner : Miner
{
    private readonly Curriculum curriculum;

    /// <summary>Creates a miner that follows a curriculum.</summary>
    /// <param name="curriculum">The curriculum.</param>
    /// <exception cref="ArgumentNullException">The curriculum is null.</exception>
    public EasyToHardMiner(Curriculum curriculum) => this.curriculum = Guard.NotNull(curriculum);

    /// <summary>The hardness h₀ at the start, in [0, 1]: 0 for the easiest candidates, 0.5 for the middle ones. Default: 0.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The number is not in [0, 1].</exception>
    public double StartHardness { get; init => field = Guard.Within(value, 0, 1); }

    /// <summary>The share s of the candidates of each anchor, in [0, 1), that is skipped as noise: the hardest ones. Default: 0.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The number is not in [0, 1).</exception>
    public double SkippedShare
    {
        get;
        init => field = value is >= 0 and < 1 ? value
            : throw new ArgumentOutOfRangeException(nameof(SkippedShare), value, "SkippedShare must be in [0, 1).");
    }

    /// <summary>The current hardness h, in [0, 1].</summary>
    public double CurrentHardness => StartHardness + (1 - StartHardness) * curriculum.Progress;

    /// <inheritdoc/>
    protected override Tuples MineCore(Tensor distances, Pairs candidates)
    {
        var hardness = CurrentHardness;
        var positive = AtHardness(-distances, candidates.Positives, hardness);
        var negative = AtHardness(distances, candidates.Negatives, hardness);
        var anchors = (CandidateOrder.Has(candidates.Positives, positive) & CandidateOrder.Has(candidates.Negatives, negative))
            .nonzero().squeeze(1);
        return new Triplets(anchors, positive.index_select(0, anchors), negative.index_select(0, anchors), candidates.Rows,
            candidates.Columns);
    }

    /// <summary>The column of the chosen candidate of each row, [N]; any column for a row without candidates.</summary>
    private Tensor AtHardness(Tensor keys, Tensor candidates, double hardness)
    {
        var (_, order, count) = CandidateOrder.Sort(keys, candidates);
        var n = count.to(ScalarType.Float64);
        var skipped = (n * S(SkippedShare)).floor();
        var left = (n - skipped - S(1)).clamp_min(S(0));
        var rank = skipped.Plus((left * S(1 - hardness)).round()).to(ScalarType.Int64).clamp(S(0), S(candidates.size(1) - 1));
        // NaN comes first in the order, and is always taken, so that the loss shows it.
        rank = rank.masked_fill((keys.isnan() & candidates).any(1), S(0));
        return order.gather(1, rank.unsqueeze(1)).squeeze(1);
    }
}
