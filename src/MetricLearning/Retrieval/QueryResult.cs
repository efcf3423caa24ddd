namespace MetricLearning;

/// <summary>The figures of one query. If the query was skipped, <see cref="Matches"/> is 0 and all figures are NaN. The report has their
/// averages over queries.</summary>
/// <remarks>Thread safety: immutable; any number of threads may use it at once.</remarks>
public sealed record QueryResult
{
    internal QueryResult(int query, SkipReason skipped) => (Query, Skipped) = (query, skipped);

    /// <summary>The query's row.</summary>
    public int Query { get; }

    /// <summary>Why the query was skipped, or <see cref="SkipReason.None"/>.</summary>
    public SkipReason Skipped { get; }

    /// <summary>R, the number of matching gallery images.</summary>
    public int Matches { get; internal init; }

    /// <summary>The number of gallery images that the protocol leaves.</summary>
    public int Candidates { get; internal init; }

    /// <summary>The rank of the first match, from 1 (its expectation under <see cref="TiePolicy.Expected"/>). It counts all images that the
    /// protocol leaves, also if CMC draws one image of each identity; then <see cref="RankAt"/> has the part in rank-k.</summary>
    public double FirstMatch { get; internal init; } = double.NaN;

    /// <summary>The rank of the last match, from 1 (its expectation under <see cref="TiePolicy.Expected"/>).</summary>
    public double LastMatch { get; internal init; } = double.NaN;

    /// <summary><c>(1/R) Σ i / rᵢ</c> over the ranks <c>rᵢ</c> of the matches (torchreid, fast-reid, and most papers).</summary>
    public double AveragePrecision { get; internal init; } = double.NaN;

    /// <summary><c>(1/R) Σ ½ (i / rᵢ + (i−1) / (rᵢ−1))</c>, the second term being 1 if <c>rᵢ = 1</c> (Market-1501's own code).</summary>
    public double AveragePrecisionTrapezoid { get; internal init; } = double.NaN;

    /// <summary><c>R / rank of the last match</c> (Ye et al., 2021).</summary>
    public double InverseNegativePenalty { get; internal init; } = double.NaN;

    /// <summary><c>1 / rank of the first match</c>.</summary>
    public double ReciprocalRank { get; internal init; } = double.NaN;

    /// <summary>The share of matches among the first R.</summary>
    public double RPrecision { get; internal init; } = double.NaN;

    /// <summary><c>(1/R) Σ i / rᵢ</c> over the matches with <c>rᵢ ≤ R</c> (MAP@R, Musgrave et al., 2020).</summary>
    public double AveragePrecisionAtR { get; internal init; } = double.NaN;

    /// <summary>nDCG of the whole list with gains of 0 and 1: <c>Σ 1 / log₂(rᵢ + 1)</c> divided by its largest value,
    /// <c>Σ 1 / log₂(i + 1)</c> (Järvelin and Kekäläinen, 2002).</summary>
    public double NormalizedDiscountedGain { get; internal init; } = double.NaN;

    /// <summary>This query's part in rank-k: 1 if a match is among the first k, and 0 if none is. It is a probability under
    /// <see cref="TiePolicy.Expected"/>, and if the protocol draws one image of each identity. The mean over the valid queries is
    /// <see cref="RetrievalFigures.RankAt"/>.</summary>
    /// <param name="k">One of the evaluator's cut-offs, at most <see cref="RetrievalEvaluator.MaxRank"/>.</param>
    /// <exception cref="ArgumentOutOfRangeException">k is not one of the evaluator's cut-offs, or CMC was not kept up to k.</exception>
    public double RankAt(int k) => At(k).Found ?? throw new ArgumentOutOfRangeException(nameof(k), k,
        "CMC was not kept up to this rank; set RetrievalEvaluator.MaxRank.");

    /// <summary>The number of matches that are among the first k (their expectation under <see cref="TiePolicy.Expected"/>).</summary>
    /// <param name="k">One of the evaluator's cut-offs.</param>
    /// <exception cref="ArgumentOutOfRangeException">k is not one of the evaluator's cut-offs.</exception>
    public double HitsAt(int k) => At(k).Hits;

    /// <summary>P@k: the matches among the first k, divided by k or by the divisor of another dialect.</summary>
    /// <param name="k">One of the evaluator's cut-offs.</param>
    /// <param name="divisor">The divisor. Default: k.</param>
    /// <exception cref="ArgumentOutOfRangeException">k is not one of the evaluator's cut-offs, or the divisor is undefined.</exception>
    public double PrecisionAt(int k, CutOffDivisor divisor = CutOffDivisor.CutOff) => Divide(At(k).Hits, k, divisor);

    /// <summary>The share of the matches that are among the first k.</summary>
    /// <param name="k">One of the evaluator's cut-offs.</param>
    /// <exception cref="ArgumentOutOfRangeException">k is not one of the evaluator's cut-offs.</exception>
    public double RecallAt(int k) => At(k).Hits / Matches;

    /// <summary>AP@k: <c>Σ i / rᵢ</c> over the matches with <c>rᵢ ≤ k</c>, divided by min(k, R) or by the divisor of another dialect. Under
    /// <see cref="TiePolicy.Expected"/> the dialect <see cref="CutOffDivisor.Found"/> is a ratio of two expectations.</summary>
    /// <param name="k">One of the evaluator's cut-offs.</param>
    /// <param name="divisor">The divisor. Default: min(k, R).</param>
    /// <exception cref="ArgumentOutOfRangeException">k is not one of the evaluator's cut-offs, or the divisor is undefined.</exception>
    public double AveragePrecisionAt(int k, CutOffDivisor divisor = CutOffDivisor.Reachable) => Divide(At(k).PrecisionSum, k, divisor);

    /// <summary>nDCG@k: <c>Σ 1 / log₂(rᵢ + 1)</c> over the matches with <c>rᵢ ≤ k</c>, divided by its largest value.</summary>
    /// <param name="k">One of the evaluator's cut-offs.</param>
    /// <exception cref="ArgumentOutOfRangeException">k is not one of the evaluator's cut-offs.</exception>
    public double NormalizedDiscountedGainAt(int k) => At(k).Gain / RankMetrics.LargestGain(Math.Min(k, Matches));

    /// <summary>Numbers of matches, precisions and discounted gains, summed over the first k places, and CMC, for each of the evaluator's
    /// cut-offs.</summary>
    internal CutOffSums[] Sums { get; init; } = [];

    /// <param name="K">The cut-off.</param>
    /// <param name="Hits">The sum of matches.</param>
    /// <param name="PrecisionSum">The sum of precisions at the matches.</param>
    /// <param name="Gain">The sum of discounted gains.</param>
    /// <param name="Found">The probability that a match is among the first k; null if CMC was not kept up to k.</param>
    internal readonly record struct CutOffSums(int K, double Hits, double PrecisionSum, double Gain, double? Found = null);

    /// <summary>Keeps this query's CMC at the cut-offs.</summary>
    /// <param name="cmc">Entry k − 1 is the probability that a match is among the first k.</param>
    /// <param name="gallery">The number of gallery images. A longer list is the whole gallery.</param>
    internal void KeepCmc(ReadOnlySpan<double> cmc, int gallery)
    {
        foreach (ref var sums in Sums.AsSpan())
            if (Math.Min(sums.K, gallery) is > 0 and var k && k <= cmc.Length) sums = sums with { Found = cmc[k - 1] };
    }

    private CutOffSums At(int k)
    {
        RetrievalFigures.RequireCutOff(k, Sums.Select(sums => sums.K));
        return Array.Find(Sums, sums => sums.K == k);
    }

    private double Divide(double sum, int k, CutOffDivisor divisor) => Guard.Defined(divisor) switch
    {
        CutOffDivisor.CutOff => sum / k,
        CutOffDivisor.Reachable => sum / Math.Min(k, Matches),
        CutOffDivisor.Matches => sum / Matches,
        _ => At(k).Hits == 0 ? 0 : sum / At(k).Hits,
    };
}
