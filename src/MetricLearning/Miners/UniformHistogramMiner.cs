using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Pairs drawn so that their distances are spread evenly: as many from each bin of the histogram, positives and negatives each on
/// their own.</summary>
/// <remarks>
/// The bins divide the range from the least to the greatest distance of the batch's pairs of the kind. From each bin so many are drawn
/// without replacement, each set equally likely; all, where there are fewer (pytorch-metric-learning's UniformHistogramMiner draws with
/// replacement, so that it repeats pairs there). Memory O(N·M), one sort of all pairs.
/// </remarks>
public sealed class UniformHistogramMiner : SeededMiner
{
    /// <summary>Creates the miner.</summary>
    /// <param name="bins">Bins of the histogram, at least 1; 100 by default.</param>
    /// <param name="positivesPerBin">Positive pairs from each bin, at least 1; 10 by default.</param>
    /// <param name="negativesPerBin">Negative pairs from each bin, at least 1; 10 by default.</param>
    public UniformHistogramMiner(int bins = 100, int positivesPerBin = 10, int negativesPerBin = 10) =>
        (Bins, PositivesPerBin, NegativesPerBin) =
            (Guard.AtLeast(bins, 1), Guard.AtLeast(positivesPerBin, 1), Guard.AtLeast(negativesPerBin, 1));

    /// <summary>Bins of the histogram.</summary>
    public int Bins { get; }

    /// <summary>Positive pairs from each bin.</summary>
    public int PositivesPerBin { get; }

    /// <summary>Negative pairs from each bin.</summary>
    public int NegativesPerBin { get; }

    /// <inheritdoc/>
    protected override Tuples MineCore(Tensor distances, Pairs candidates)
    {
        var random = NextRandom();
        return new Pairs(
            Drawn(distances, candidates.Positives, PositivesPerBin, random),
                Drawn(distances, candidates.Negatives, NegativesPerBin, random));
    }

    private Tensor Drawn(Tensor distances, Tensor mask, int perBin, SeededRandom random)
    {
        var entries = mask.reshape(-1).nonzero().squeeze(1);
        if (entries.size(0) == 0) return mask.clone();
        var bin = BinOf(distances.reshape(-1).index_select(0, entries));

        // In random order, and then by bin: the place in its bin decides.
        var shuffled = new double[entries.size(0)];
        for (var i = 0; i < shuffled.Length; i++) shuffled[i] = random.NextDouble();
        var order = tensor(shuffled).to(entries.device).argsort();
        var (sorted, byBin) = bin.index_select(0, order).sort(0, stable: true);
        var place = Iota(entries.size(0), entries.device) - searchsorted(sorted, sorted);
        var kept = order.index_select(0, byBin.index_select(0, (place < S(perBin)).nonzero().squeeze(1)));
        return CandidateOrder.MaskOf(entries.index_select(0, kept), mask);
    }

    /// <summary>0 to Bins − 1; what is not finite is in a bin of its own behind them.</summary>
    private Tensor BinOf(Tensor values)
    {
        var broken = values.isfinite().logical_not();
        var low = values.masked_fill(broken, S(double.PositiveInfinity)).min();
        var high = values.masked_fill(broken, S(double.NegativeInfinity)).max();
        var share = (values - low) / (high - low).clamp_min(S(1e-30));
        return (share * S(Bins)).masked_fill(broken, S(0)).floor().clamp(S(0), S(Bins - 1)).to(ScalarType.Int64)
            .masked_fill(broken, S(Bins));
    }
}
