using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Orders the candidates of each row by a key, for miners by rank and by interval.</summary>
internal static class CandidateOrder
{
    /// <summary>
    /// Sorts the candidates of each row to the beginning of the row: the lowest key first, the lowest index first among equal keys. NaN
    /// comes before all other keys, so that it is taken first.
    /// </summary>
    /// <param name="keys">[N, M].</param>
    /// <param name="candidates">bool [N, M].</param>
    /// <returns>The sorted keys [N, M], +∞ after the candidates; their columns [N, M]; the number of candidates of each row
    /// [N].</returns>
    public static (Tensor Sorted, Tensor Order, Tensor Count) Sort(Tensor keys, Tensor candidates)
    {
        var (sorted, order) = keys.masked_fill(keys.isnan(), S(double.NegativeInfinity))
            .masked_fill(candidates.logical_not(), S(double.NaN))
            .sort(1, stable: true);
        return (sorted.masked_fill(sorted.isnan(), S(double.PositiveInfinity)), order, candidates.sum(1));
    }

    /// <summary>The candidates of each row whose rank by the key is in a range, bool [N, M].</summary>
    public static Tensor AtRanks(Tensor keys, Tensor candidates, Range ranks)
    {
        var (_, order, count) = Sort(keys, candidates);
        var rank = Iota(candidates.size(1), keys.device).unsqueeze(0);
        Tensor Place(Index index) =>
            index.IsFromEnd ? (count - S(index.Value)).unsqueeze(1) : full_like(count, S(index.Value)).unsqueeze(1);
        var kept = (rank >= Place(ranks.Start)) & (rank < Place(ranks.End)) & (rank < count.unsqueeze(1));
        return zeros_like(candidates).scatter_(1, order, kept);
    }

    /// <summary>
    /// Whether the column chosen in each row is a candidate, bool [N]. It is not if the row has no candidate, or if all its candidates are
    /// at an infinite distance, which also stands for the other columns.
    /// </summary>
    public static Tensor Has(Tensor candidates, Tensor columns) => candidates.gather(1, columns.unsqueeze(1)).squeeze(1);

    /// <summary>The mask in which exactly the given entries of the flattened matrix are set.</summary>
    public static Tensor MaskOf(Tensor entries, Tensor like) => zeros_like(like).reshape(-1).index_fill_(0, entries, S(1)).view_as(like);
}
