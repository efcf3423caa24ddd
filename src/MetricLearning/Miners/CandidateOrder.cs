using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>The candidates of each row in order of a key, which miners by rank and by interval share.</summary>
internal static class CandidateOrder
{
    /// <summary>
    /// Sorts the candidates of each row to its beginning, lowest key first, lower index first where keys are equal; NaN comes before all,
    /// so that it is taken first.
    /// </summary>
    /// <param name="keys">[N, M].</param>
    /// <param name="candidates">bool [N, M].</param>
    /// <returns>Keys [N, M], +∞ past the candidates; columns [N, M]; the number of candidates [N].</returns>
    public static (Tensor Sorted, Tensor Order, Tensor Count) Sort(Tensor keys, Tensor candidates)
    {
        var (sorted, order) = keys.masked_fill(keys.isnan(), S(double.NegativeInfinity))
            .masked_fill(candidates.logical_not(), S(double.NaN))
            .sort(1, stable: true);
        return (sorted.masked_fill(sorted.isnan(), S(double.PositiveInfinity)), order, candidates.sum(1));
    }

    /// <summary>Of each row's candidates, those whose rank by a key lies in a range: bool [N, M].</summary>
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
    /// Whether the column chosen in each row is a candidate, bool [N]: not, where a row has none, nor where infinite distances cannot be
    /// told from what stands for the other columns.
    /// </summary>
    public static Tensor Has(Tensor candidates, Tensor columns) => candidates.gather(1, columns.unsqueeze(1)).squeeze(1);

    /// <summary>The mask of which just the given entries of the flattened matrix are set.</summary>
    public static Tensor MaskOf(Tensor entries, Tensor like) => zeros_like(like).reshape(-1).index_fill_(0, entries, S(1)).view_as(like);
}
