namespace MetricLearning;

/// <summary>Computes the figures of pytorch-metric-learning's <c>AccuracyCalculator.get_accuracy</c>, by its definitions, from a
/// report.</summary>
/// <remarks>
/// <para>All figures are means over the queries that have a match. With a <c>k</c> only the k nearest images count, as in the calculator:
/// average precision is still divided by all R matches, R-precision by min(k, R), and a query whose first match comes later has reciprocal
/// rank 0. Without k the figures equal those of the report. With k &lt; R all figures except R-precision are lower bounds of those of the
/// report; R-precision is then precision at k.</para>
/// <para>Thread safety: immutable; any number of threads may use it at once.</para>
/// </remarks>
/// <param name="Queries">The number of queries that are averaged.</param>
/// <param name="PrecisionAt1"><c>precision_at_1</c>.</param>
/// <param name="RPrecision"><c>r_precision</c>.</param>
/// <param name="MeanAveragePrecision"><c>mean_average_precision</c>.</param>
/// <param name="MeanAveragePrecisionAtR"><c>mean_average_precision_at_r</c>.</param>
/// <param name="MeanReciprocalRank"><c>mean_reciprocal_rank</c>.</param>
public sealed record AccuracyCalculatorFigures(int Queries, double PrecisionAt1, double RPrecision, double MeanAveragePrecision,
    double MeanAveragePrecisionAtR, double MeanReciprocalRank)
{
    /// <summary>Computes the means over all counted queries.</summary>
    /// <param name="report">The evaluation, under any protocol.</param>
    /// <param name="k">The number of neighbors the calculator is given; one of the evaluator's cut-offs. Default: null, all.</param>
    /// <exception cref="ArgumentNullException">The report is null.</exception>
    /// <exception cref="ArgumentOutOfRangeException">k is not one of the evaluator's cut-offs.</exception>
    /// <exception cref="NotSupportedException">The report's ties are in expectation.</exception>
    public static AccuracyCalculatorFigures Of(RetrievalReport report, int? k = null)
    {
        Check(report, k);
        return Mean([.. report.PerQuery.Where(q => q.Skipped == SkipReason.None)], k);
    }

    /// <summary>Computes the means over the queries of each class (<c>return_per_class=True</c>), in ascending order of the classes that
    /// have a counted query.</summary>
    /// <param name="report">The evaluation.</param>
    /// <param name="queryIdentities">The class of each query.</param>
    /// <param name="k">The number of neighbors the calculator is given; one of the evaluator's cut-offs. Default: null, all.</param>
    /// <exception cref="ArgumentException">The number of entries of <paramref name="queryIdentities"/> is not the number of
    /// queries.</exception>
    /// <exception cref="ArgumentOutOfRangeException">k is not one of the evaluator's cut-offs.</exception>
    /// <exception cref="NotSupportedException">The report's ties are in expectation.</exception>
    public static IReadOnlyDictionary<long, AccuracyCalculatorFigures> ByClass(RetrievalReport report, IReadOnlyList<long> queryIdentities,
        int? k = null)
    {
        Check(report, k);
        ArgumentNullException.ThrowIfNull(queryIdentities);
        if (queryIdentities.Count != report.PerQuery.Count)
            throw new ArgumentException(
                $"queryIdentities must have one entry per query, {report.PerQuery.Count}, got {queryIdentities.Count}.",
                nameof(queryIdentities));
        return new SortedDictionary<long, AccuracyCalculatorFigures>(report.PerQuery.Where(q => q.Skipped == SkipReason.None)
            .GroupBy(q => queryIdentities[q.Query]).ToDictionary(g => g.Key, g => Mean([.. g], k)));
    }

    /// <summary>Averages over the classes the means over the queries of each class (<c>avg_of_avgs=True</c>), so all classes have the same
    /// weight.</summary>
    /// <inheritdoc cref="ByClass"/>
    public static AccuracyCalculatorFigures AverageOfAverages(RetrievalReport report, IReadOnlyList<long> queryIdentities, int? k = null)
    {
        var classes = ByClass(report, queryIdentities, k).Values.ToArray();
        return new AccuracyCalculatorFigures(classes.Sum(c => c.Queries), Average(c => c.PrecisionAt1), Average(c => c.RPrecision),
            Average(c => c.MeanAveragePrecision), Average(c => c.MeanAveragePrecisionAtR), Average(c => c.MeanReciprocalRank));

        double Average(Func<AccuracyCalculatorFigures, double> value) => classes.Select(value).DefaultIfEmpty(double.NaN).Average();
    }

    /// <summary>Checks what a query that counts would refuse, because none may count.</summary>
    private static void Check(RetrievalReport report, int? k)
    {
        ArgumentNullException.ThrowIfNull(report);
        if (report.Ties == TiePolicy.Expected)
            throw new NotSupportedException(
                "AccuracyCalculator's figures are not defined for ties in expectation; use another tie policy.");
        if (k is { } given) RetrievalFigures.RequireCutOff(given, report.CutOffs);
    }

    private static AccuracyCalculatorFigures Mean(QueryResult[] queries, int? k)
    {
        return new AccuracyCalculatorFigures(queries.Length, Average(q => q.FirstMatch == 1 ? 1 : 0),
            Average(q => k < q.Matches ? q.HitsAt(k.Value) / k.Value : q.RPrecision),
            Average(q => k is { } n ? q.AveragePrecisionAt(n, CutOffDivisor.Matches) : q.AveragePrecision),
            Average(q => k < q.Matches ? q.AveragePrecisionAt(k.Value, CutOffDivisor.Matches) : q.AveragePrecisionAtR),
            Average(q => q.FirstMatch > k ? 0 : q.ReciprocalRank));

        double Average(Func<QueryResult, double> value) => queries.Select(value).DefaultIfEmpty(double.NaN).Average();
    }
}
