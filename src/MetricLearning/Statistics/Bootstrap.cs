using MathNet.Numerics.Statistics;

namespace MetricLearning;

/// <summary>Percentile intervals of a mean over queries, by drawing the queries, or the identities, anew (Efron, 1979).</summary>
/// <remarks>
/// Over queries: how far the figure would move with other pictures of the same people. Over identities: with other people, which is
/// what a claim about a model means; pictures of one person are alike, so this interval is the wider one as a rule. Values that are
/// NaN (skipped queries) are left out. The same seed gives the same interval everywhere.
/// </remarks>
public sealed class Bootstrap
{
    /// <summary>The confidence of intervals. Default: 0.95.</summary>
    public double Confidence { get; init => field = Guard.Within(value, 0, 1); } = 0.95;

    /// <summary>How many draws. Default: 10,000.</summary>
    public int Resamples { get; init => field = Guard.AtLeast(value, 1); } = 10_000;

    /// <summary>The seed of the draws. Default: 0.</summary>
    public ulong Seed { get; init; }

    /// <summary>The mean of one figure of the queries, each query drawn by itself.</summary>
    /// <param name="report">The evaluation.</param>
    /// <param name="figure">Say <c>q => q.AveragePrecision</c>, or <c>q => q.FirstMatch &lt;= 1 ? 1 : 0</c> for rank-1.</param>
    public ConfidenceInterval OverQueries(RetrievalReport report, Func<QueryResult, double> figure) => OverQueries(Values(report, figure));

    /// <summary>The mean of one figure of the queries, all queries of an identity drawn together.</summary>
    /// <param name="report">The evaluation.</param>
    /// <param name="figure">The figure of a query.</param>
    /// <param name="queryIdentities">The identity of each query.</param>
    /// <exception cref="ArgumentException">There is not one identity a query.</exception>
    public ConfidenceInterval OverIdentities(RetrievalReport report, Func<QueryResult, double> figure,
        IReadOnlyList<long> queryIdentities) =>
        OverIdentities(Values(report, figure), queryIdentities);

    /// <summary>The mean of values, each drawn by itself.</summary>
    public ConfidenceInterval OverQueries(IReadOnlyList<double> values) => Interval(PairedValues.Groups(values, identities: null));

    /// <summary>The mean of values, those of an identity drawn together.</summary>
    /// <exception cref="ArgumentException">There is not one identity a value.</exception>
    public ConfidenceInterval OverIdentities(IReadOnlyList<double> values, IReadOnlyList<long> identities)
    {
        ArgumentNullException.ThrowIfNull(identities);
        return Interval(PairedValues.Groups(values, identities));
    }

    private ConfidenceInterval Interval((double Sum, int Count)[] groups)
    {
        if (groups.Length == 0) return new ConfidenceInterval(double.NaN, double.NaN, double.NaN, Confidence);
        var means = new double[Resamples];
        Threads.For(Resamples, draw =>
        {
            var random = SeededRandom.ForStream(Seed, 0, (ulong)draw);
            var (sum, count) = (0.0, 0);
            for (var i = 0; i < groups.Length; i++)
            {
                var group = groups[random.NextInt(groups.Length)];
                (sum, count) = (sum + group.Sum, count + group.Count);
            }
            means[draw] = sum / count;
        });
        Array.Sort(means);
        var tail = (1 - Confidence) / 2;
        return new ConfidenceInterval(groups.Sum(g => g.Sum) / groups.Sum(g => g.Count), SortedArrayStatistics.Quantile(means, tail),
            SortedArrayStatistics.Quantile(means, 1 - tail), Confidence);
    }

    private static double[] Values(RetrievalReport report, Func<QueryResult, double> figure)
    {
        ArgumentNullException.ThrowIfNull(report);
        ArgumentNullException.ThrowIfNull(figure);
        return [.. report.PerQuery.Select(q => q.Skipped == SkipReason.None ? figure(q) : double.NaN)];
    }
}
