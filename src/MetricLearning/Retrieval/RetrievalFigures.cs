namespace MetricLearning;

/// <summary>Means of retrieval figures over queries. They are NaN if no query was counted. R is the number of matches of a query.</summary>
/// <remarks>Thread safety: immutable; any number of threads may use it at once.</remarks>
public sealed record RetrievalFigures
{
    private readonly IReadOnlyList<int> cutOffs;
    private readonly IReadOnlyList<QueryResult> counted;
    private readonly double divisor;
    private readonly int maxRank;

    internal RetrievalFigures(
        IReadOnlyList<QueryResult> counted, double[] hits, int queries, IReadOnlyList<int> cutOffs, int maxRank)
    {
        (this.cutOffs, this.counted, this.maxRank) = (cutOffs, counted, maxRank);
        Queries = queries;
        divisor = counted.Count == 0 ? double.NaN : queries;
        Cmc = [.. hits.Select(h => h / divisor)];
        MeanAveragePrecision = Mean(q => q.AveragePrecision);
        MeanAveragePrecisionTrapezoid = Mean(q => q.AveragePrecisionTrapezoid);
        MeanInverseNegativePenalty = Mean(q => q.InverseNegativePenalty);
        MeanReciprocalRank = Mean(q => q.ReciprocalRank);
        RPrecision = Mean(q => q.RPrecision);
        MeanAveragePrecisionAtR = Mean(q => q.AveragePrecisionAtR);
        MeanNormalizedDiscountedGain = Mean(q => q.NormalizedDiscountedGain);
    }

    /// <summary>The number of queries that sums are divided by.</summary>
    public int Queries { get; }

    /// <summary>Cumulative match characteristic: entry k − 1 is the share of queries with a match among the first k.</summary>
    public IReadOnlyList<double> Cmc { get; }

    /// <summary>mAP as the mean of precision at each match.</summary>
    public double MeanAveragePrecision { get; }

    /// <summary>mAP by trapezoids, as in Market-1501's own code; never above <see cref="MeanAveragePrecision"/>.</summary>
    public double MeanAveragePrecisionTrapezoid { get; }

    /// <summary>mINP: the mean of R / rank of the last match.</summary>
    public double MeanInverseNegativePenalty { get; }

    /// <summary>MRR: the mean of 1 / rank of the first match.</summary>
    public double MeanReciprocalRank { get; }

    /// <summary>R-precision: the mean share of matches among the first R images.</summary>
    public double RPrecision { get; }

    /// <summary>MAP@R: the mean of <see cref="QueryResult.AveragePrecisionAtR"/>.</summary>
    public double MeanAveragePrecisionAtR { get; }

    /// <summary>The mean nDCG of whole lists: the mean of <see cref="QueryResult.NormalizedDiscountedGain"/>.</summary>
    public double MeanNormalizedDiscountedGain { get; }

    /// <summary>The share of queries with a match among the first k: rank-k of CMC, and Recall@K of the metric-learning
    /// literature.</summary>
    /// <param name="k">The rank, from 1 to <see cref="RetrievalEvaluator.MaxRank"/>. If the gallery has fewer images, the whole gallery
    /// counts.</param>
    /// <exception cref="ArgumentOutOfRangeException">CMC was not kept up to k.</exception>
    public double RankAt(int k)
    {
        if (k < 1 || k > maxRank)
            throw new ArgumentOutOfRangeException(nameof(k), k,
                $"CMC was kept for ranks 1 to {maxRank}; set RetrievalEvaluator.MaxRank for more.");
        return Cmc.Count == 0 ? 0 / divisor : Cmc[Math.Min(k, Cmc.Count) - 1];
    }

    /// <summary>P@k: the mean of <see cref="QueryResult.PrecisionAt"/>.</summary>
    /// <param name="k">One of the evaluator's cut-offs.</param>
    /// <param name="divisor">The divisor. Default: k.</param>
    /// <exception cref="ArgumentOutOfRangeException">k is not one of the evaluator's cut-offs, or the divisor is undefined.</exception>
    public double PrecisionAt(int k, CutOffDivisor divisor = CutOffDivisor.CutOff)
    {
        Guard.Defined(divisor);
        return MeanAt(k, q => q.PrecisionAt(k, divisor));
    }

    /// <summary>The mean share of a query's matches that are among the first k. (Recall@K of the metric-learning literature is
    /// <see cref="RankAt"/>.)</summary>
    /// <param name="k">One of the evaluator's cut-offs.</param>
    /// <exception cref="ArgumentOutOfRangeException">k is not one of the evaluator's cut-offs.</exception>
    public double RecallAt(int k) => MeanAt(k, q => q.RecallAt(k));

    /// <summary>MAP@k: the mean of <see cref="QueryResult.AveragePrecisionAt"/>.</summary>
    /// <param name="k">One of the evaluator's cut-offs.</param>
    /// <param name="divisor">The divisor. Default: min(k, R).</param>
    /// <exception cref="ArgumentOutOfRangeException">k is not one of the evaluator's cut-offs, or the divisor is undefined.</exception>
    public double MeanAveragePrecisionAt(int k, CutOffDivisor divisor = CutOffDivisor.Reachable)
    {
        Guard.Defined(divisor);
        return MeanAt(k, q => q.AveragePrecisionAt(k, divisor));
    }

    /// <summary>nDCG@k: the mean of <see cref="QueryResult.NormalizedDiscountedGainAt"/>.</summary>
    /// <param name="k">One of the evaluator's cut-offs.</param>
    /// <exception cref="ArgumentOutOfRangeException">k is not one of the evaluator's cut-offs.</exception>
    public double NormalizedDiscountedGainAt(int k) => MeanAt(k, q => q.NormalizedDiscountedGainAt(k));

    private double Mean(Func<QueryResult, double> value)
    {
        var sum = 0.0;
        foreach (var query in counted) sum += value(query);
        return sum / divisor;
    }

    private double MeanAt(int k, Func<QueryResult, double> value)
    {
        RequireCutOff(k, cutOffs);
        return Mean(value);
    }

    /// <summary>Requires that figures were kept at a rank.</summary>
    internal static void RequireCutOff(int k, IEnumerable<int> cutOffs)
    {
        if (!cutOffs.Contains(k))
            throw new ArgumentOutOfRangeException(nameof(k), k,
                $"the cut-offs were {string.Join(", ", cutOffs)}; set RetrievalEvaluator.CutOffs for others.");
    }
}
