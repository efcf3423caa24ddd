using System.Numerics;
using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Picks one positive and one negative for each anchor: the easiest, the hardest or a semi-hard one; or all of one side.</summary>
/// <remarks>
/// Semi-hard is relative to the other side. The semi-hard negative is the nearest one that is strictly farther than the chosen positive;
/// the semi-hard positive is the farthest one that is strictly nearer than the chosen negative. Anchors without either side are dropped. If
/// one side is <see cref="Hardness.All"/>, the result is pairs and no anchor is dropped. Memory O(N·M). Xuan, Stylianou, Pless, <i>Improved
/// Embeddings with Easy Positive Triplet Mining</i>, WACV 2020; as in pytorch-metric-learning's BatchEasyHardMiner.
/// </remarks>
public sealed class BatchEasyHardMiner : Miner
{
    private static readonly (double Low, double High) everything = (double.NegativeInfinity, double.PositiveInfinity);

    /// <summary>Creates the miner.</summary>
    /// <param name="positives">Which positive of an anchor to pick. Default: the easiest.</param>
    /// <param name="negatives">Which negative of an anchor to pick. Default: a semi-hard one.</param>
    /// <exception cref="ArgumentException">A value is undefined, or one side is semi-hard and the other is semi-hard or all. Semi-hard
    /// needs exactly one candidate on the other side to compare with.</exception>
    public BatchEasyHardMiner(Hardness positives = Hardness.Easy, Hardness negatives = Hardness.SemiHard)
    {
        (Positives, Negatives) = (Guard.Defined(positives), Guard.Defined(negatives));
        if ((positives == Hardness.SemiHard && negatives is Hardness.SemiHard or Hardness.All)
            || (negatives == Hardness.SemiHard && positives == Hardness.All))
            throw new ArgumentException(
                $"semi-hard needs one opponent on the other side, got positives {positives}, negatives {negatives}.", nameof(negatives));
    }

    /// <summary>Which positive of an anchor is picked.</summary>
    public Hardness Positives { get; }

    /// <summary>Which negative of an anchor is picked.</summary>
    public Hardness Negatives { get; }

    /// <summary>The distances that a positive may have, both ends included; −∞ to ∞, which is all, by default.</summary>
    /// <exception cref="ArgumentException">An end is NaN, or the low end is above the high end.</exception>
    public (double Low, double High) PositiveRange { get; init => field = Range(value, nameof(PositiveRange)); } = everything;

    /// <summary>The distances that a negative may have, both ends included; −∞ to ∞, which is all, by default.</summary>
    /// <exception cref="ArgumentException">An end is NaN, or the low end is above the high end.</exception>
    public (double Low, double High) NegativeRange { get; init => field = Range(value, nameof(NegativeRange)); } = everything;

    /// <inheritdoc/>
    protected override Tuples MineCore(Tensor distances, Pairs candidates)
    {
        var choosesOne = Positives != Hardness.All && Negatives != Hardness.All
            && (PositiveRange, NegativeRange) == (everything, everything);
        if (choosesOne && SemiHardSearch.Supports(distances, candidates, SemiHardPositives.Easiest))
            return distances.dtype == ScalarType.Float32 ? Search<float>(distances, candidates) : Search<double>(distances, candidates);
        var positives = Within(distances, candidates.Positives, PositiveRange);
        var negatives = Within(distances, candidates.Negatives, NegativeRange);
        if (Positives == Hardness.SemiHard)
            positives &= (distances >= Pick(distances, negatives, Negatives == Hardness.Easy).Distance.unsqueeze(1)).logical_not();
        if (Negatives == Hardness.SemiHard)
            negatives &= (distances <= Pick(distances, positives, Positives == Hardness.Hard).Distance.unsqueeze(1)).logical_not();
        var positive = Pick(distances, positives, Positives != Hardness.Easy).Column;
        var negative = Pick(distances, negatives, Negatives == Hardness.Easy).Column;
        if (Positives == Hardness.All || Negatives == Hardness.All)
            return new Pairs(
                Positives == Hardness.All ? positives : One(positives, positive),
                Negatives == Hardness.All ? negatives : One(negatives, negative));
        var anchors = (CandidateOrder.Has(positives, positive) & CandidateOrder.Has(negatives, negative)).nonzero().squeeze(1);
        return new Triplets(anchors, positive.index_select(0, anchors), negative.index_select(0, anchors), candidates.Rows,
            candidates.Columns);
    }

    /// <summary>The same by a search of each row.</summary>
    private Triplets Search<T>(Tensor distances, Pairs candidates) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var chosen = new (int Positive, int Negative)[candidates.Rows];
        SemiHardSearch.ForRows<T>(distances, candidates, (row, candidate) =>
        {
            var negative = Negatives == Hardness.SemiHard ? -1 : candidate.Negative(farthest: Negatives == Hardness.Easy);
            var positive = Positives != Hardness.SemiHard ? candidate.Positive(farthest: Positives == Hardness.Hard)
                : negative < 0 ? -1 : candidate.PositiveWithin(candidate[negative]);
            if (Negatives == Hardness.SemiHard) negative = positive < 0 ? -1 : candidate.NegativeOutside(candidate[positive]);
            chosen[row] = (positive, negative);
        });
        int[] anchors = [.. Enumerable.Range(0, chosen.Length).Where(row => chosen[row] is { Positive: >= 0, Negative: >= 0 })];
        return new(Array.ConvertAll(anchors, row => (long)row), Array.ConvertAll(anchors, row => (long)chosen[row].Positive),
            Array.ConvertAll(anchors, row => (long)chosen[row].Negative), candidates.Rows, candidates.Columns);
    }

    private static (double, double) Range((double Low, double High) range, string name) => range.Low <= range.High ? range
        : throw new ArgumentException(FormattableString.Invariant(
            $"{name} must run from a low to a high distance, got {range.Low} to {range.High}."), name);

    private static Tensor Within(Tensor distances, Tensor mask, (double Low, double High) range) =>
        mask & ((distances < S(range.Low)) | (distances > S(range.High))).logical_not();

    /// <summary>The farthest or the nearest column of a mask in each row.</summary>
    private static (Tensor Distance, Tensor Column) Pick(Tensor distances, Tensor mask, bool farthest) => farthest
        ? distances.masked_fill(mask.logical_not(), S(double.NegativeInfinity)).max(1)
        : distances.masked_fill(mask.logical_not(), S(double.PositiveInfinity)).min(1);

    /// <summary>The mask with one column in each row; none in a row whose column is not a candidate.</summary>
    private static Tensor One(Tensor mask, Tensor column) =>
        zeros_like(mask).scatter_(1, column.unsqueeze(1), CandidateOrder.Has(mask, column).unsqueeze(1));
}
