using System.Globalization;
using System.Numerics;
using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Draws k triplets for each anchor, each with a random positive and a random negative.</summary>
/// <remarks>
/// Draws are independent, so a triplet may come twice. An anchor without a positive or without a negative gives none. Memory O(N·M) and k
/// triplets for each anchor. It follows <c>triplets_per_anchor</c> of pytorch-metric-learning's TripletMarginLoss and MarginLoss, and adds
/// a seed.
/// </remarks>
public sealed class RandomTripletsMiner : SeededMiner
{
    /// <summary>Creates the miner.</summary>
    /// <param name="tripletsPerAnchor">The number k of triplets for each anchor, at least 1.</param>
    /// <exception cref="ArgumentOutOfRangeException">k is below 1.</exception>
    public RandomTripletsMiner(int tripletsPerAnchor) => TripletsPerAnchor = Guard.AtLeast(tripletsPerAnchor, 1);

    /// <summary>The number k of triplets for each anchor.</summary>
    public int TripletsPerAnchor { get; }

    /// <inheritdoc/>
    protected override Tuples MineCore(Tensor distances, Pairs candidates) =>
        SemiHardSearch.Supports(distances, candidates, SemiHardPositives.Hardest)
            ? distances.dtype == ScalarType.Float32 ? Search<float>(distances, candidates) : Search<double>(distances, candidates)
            : ByCounting(distances, candidates);

    /// <summary>The same triplets by tensor operations on any device.</summary>
    internal Triplets ByCounting(Tensor distances, Pairs candidates)
    {
        var (positives, negatives) = (candidates.Positives.cumsum(1), candidates.Negatives.cumsum(1));
        var anchors = (Counts(positives) > S(0)).bitwise_and(Counts(negatives) > S(0)).nonzero().squeeze(1);
        var drawn = tensor(Draws(anchors.size(0))).to(distances.device).view(2, -1, TripletsPerAnchor);
        var broken = distances.isnan();
        return new Triplets(anchors.repeat_interleave(TripletsPerAnchor), Columns(drawn[0], positives, candidates.Positives),
            Columns(drawn[1], negatives, candidates.Negatives), candidates.Rows, candidates.Columns);

        // The number of candidates of each row, [N], from their running count.
        Tensor Counts(Tensor running) => running.select(1, -1);

        // A draw of number r takes the candidate at which the running count is r + 1. If a row has a NaN, its first draw takes the first
        // NaN.
        Tensor Columns(Tensor draws, Tensor running, Tensor mask)
        {
            var counted = running.index_select(0, anchors);
            var places = (draws * Counts(counted).unsqueeze(1)).to(ScalarType.Int64);
            var columns = searchsorted(counted, places.Plus(S(1)));
            var nan = (mask & broken).index_select(0, anchors);
            columns.select(1, 0).copy_(where(nan.any(1), nan.to(ScalarType.Byte).argmax(1), columns.select(1, 0)));
            return columns.reshape(-1);
        }
    }

    /// <summary>The same by a search of each row: the r-th candidate is looked up in the list of the row's candidates.</summary>
    private Triplets Search<T>(Tensor distances, Pairs candidates) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var columns = new (int[] Positives, int[] Negatives)[candidates.Rows];
        SemiHardSearch.ForRows<T>(distances, candidates, (row, candidate) => columns[row] = candidate.Columns());
        int[] anchors = [.. Enumerable.Range(0, columns.Length)
            .Where(row => columns[row] is { Positives.Length: > 0, Negatives.Length: > 0 })];
        var draws = Draws(anchors.Length);
        var (ofAnchors, positives, negatives) = (new long[draws.Length / 2], new long[draws.Length / 2], new long[draws.Length / 2]);
        SemiHardSearch.ForRows<T>(distances, candidates, (row, candidate) =>
        {
            if (Array.BinarySearch(anchors, row) is not (>= 0 and var anchor)) return;
            var first = anchor * TripletsPerAnchor;
            for (var i = first; i < first + TripletsPerAnchor; i++)
            {
                (ofAnchors[i], positives[i]) = (row, columns[row].Positives[(int)(draws[i] * columns[row].Positives.Length)]);
                negatives[i] = columns[row].Negatives[(int)(draws[ofAnchors.Length + i] * columns[row].Negatives.Length)];
            }
            // If a row has a NaN, its first draw takes the first NaN.
            if (Array.FindIndex(columns[row].Positives, column => T.IsNaN(candidate[column])) is >= 0 and var near)
                positives[first] = columns[row].Positives[near];
            if (Array.FindIndex(columns[row].Negatives, column => T.IsNaN(candidate[column])) is >= 0 and var far)
                negatives[first] = columns[row].Negatives[far];
        });
        return new(ofAnchors, positives, negatives, candidates.Rows, candidates.Columns);
    }

    /// <summary>Draws two numbers in [0, 1) for each triplet of a number of anchors: first those for all positives, then those for all
    /// negatives.</summary>
    private double[] Draws(long anchors)
    {
        const double bytesOfATriplet = 2 * sizeof(double) + 3 * sizeof(long);
        var triplets = anchors * TripletsPerAnchor;
        TripletMemory.Require(triplets, triplets * bytesOfATriplet, CPU);
        if (triplets > Array.MaxLength / 2) throw new InvalidOperationException(string.Create(CultureInfo.InvariantCulture,
            $"{triplets:N0} triplets are too many: at most {Array.MaxLength / 2:N0} can be drawn. Use fewer {nameof(TripletsPerAnchor)} or "
            + $"a smaller batch."));
        var random = NextRandom();
        var draws = new double[triplets * 2];
        for (var i = 0; i < draws.Length; i++) draws[i] = random.NextDouble();
        return draws;
    }
}
