using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Draws the same number of pairs from each bin of a histogram of distances, so that distances are spread evenly.</summary>
/// <remarks>
/// Positive pairs and negative pairs each have a histogram. The bins of a histogram divide the range from the least to the greatest
/// distance of its pairs in the batch. Pairs are drawn without replacement, and all sets are equally likely. A bin with fewer pairs gives
/// all of them. (pytorch-metric-learning's UniformHistogramMiner draws with replacement, so it may repeat pairs.) Memory O(N·M), one sort
/// of all pairs.
/// </remarks>
public sealed class UniformHistogramMiner : SeededMiner
{
    /// <summary>Creates the miner.</summary>
    /// <param name="bins">The number of bins, at least 1; 100 by default.</param>
    /// <param name="positivesPerBin">Positive pairs from each bin, at least 1; 10 by default.</param>
    /// <param name="negativesPerBin">Negative pairs from each bin, at least 1; 10 by default.</param>
    /// <exception cref="ArgumentOutOfRangeException">A number is below 1.</exception>
    public UniformHistogramMiner(int bins = 100, int positivesPerBin = 10, int negativesPerBin = 10) =>
        (Bins, PositivesPerBin, NegativesPerBin) =
            (Guard.AtLeast(bins, 1), Guard.AtLeast(positivesPerBin, 1), Guard.AtLeast(negativesPerBin, 1));

    /// <summary>The number of bins of each histogram.</summary>
    public int Bins { get; }

    /// <summary>Positive pairs from each bin.</summary>
    public int PositivesPerBin { get; }

    /// <summary>Negative pairs from each bin.</summary>
    public int NegativesPerBin { get; }

    /// <inheritdoc/>
    protected override Tuples MineCore(Tensor distances, Pairs candidates)
    {
        var random = NextRandom();
        return new Pairs(Drawn(distances, candidates.Positives, PositivesPerBin, random),
            Drawn(distances, candidates.Negatives, NegativesPerBin, random));
    }

    /// <summary>The mask of the drawn pairs of one kind.</summary>
    private Tensor Drawn(Tensor distances, Tensor mask, int perBin, SeededRandom random)
    {
        var entries = mask.reshape(-1).nonzero().squeeze(1);
        if (entries.size(0) == 0) return mask.clone();
        var bin = BinOf(distances.reshape(-1).index_select(0, entries));

        // Shuffle the pairs, sort them by bin, and keep the first of each bin.
        var shuffled = new double[entries.size(0)];
        for (var i = 0; i < shuffled.Length; i++) shuffled[i] = random.NextDouble();
        var order = tensor(shuffled).to(entries.device).argsort();
        var (sorted, byBin) = bin.index_select(0, order).sort(0, stable: true);
        var place = Iota(entries.size(0), entries.device) - searchsorted(sorted, sorted);
        var kept = order.index_select(0, byBin.index_select(0, (place < S(perBin)).nonzero().squeeze(1)));
        return CandidateOrder.MaskOf(entries.index_select(0, kept), mask);
    }

    /// <summary>The bin of each distance, 0 to Bins − 1; distances that are not finite are in bin Bins.</summary>
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
