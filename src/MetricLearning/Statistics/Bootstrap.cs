using MathNet.Numerics.Statistics;

namespace MetricLearning;

/// <summary>Computes percentile intervals of a mean over queries, from random resamples of the queries or of the identities (Efron,
/// 1979).</summary>
/// <remarks>
/// <para>With resampled queries, the interval says how much the figure would vary with other images of the same people. With resampled
/// identities, it says how much the figure would vary with other people. A claim about a model usually means the latter. Images of one
/// person are similar, so this interval is usually wider. Values that are NaN (skipped queries) are left out. The same seed gives the same
/// interval on every machine.</para>
/// <para>Thread safety: immutable; any number of threads may use it at once.</para>
/// </remarks>
public sealed record Bootstrap
{
    /// <summary>The confidence of intervals, in [0, 1]. Default: 0.95.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The confidence is not in [0, 1].</exception>
    public double Confidence { get; init => field = Guard.Within(value, 0, 1); } = 0.95;

    /// <summary>The number of resamples. Default: 10,000.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The number is less than 1.</exception>
    public int Resamples { get; init => field = Guard.AtLeast(value, 1); } = 10_000;

    /// <summary>The seed of the draws. Default: 0.</summary>
    public ulong Seed { get; init; }

    /// <summary>Computes the mean of one figure of the queries. Each query is drawn independently.</summary>
    /// <param name="report">The evaluation.</param>
    /// <param name="figure">Returns the figure of a query, for example <c>q => q.AveragePrecision</c>, or
    /// <c>q => q.FirstMatch &lt;= 1 ? 1 : 0</c> for rank-1.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    /// <exception cref="OperationCanceledException">The call was canceled.</exception>
    public ConfidenceInterval OverQueries(RetrievalReport report, Func<QueryResult, double> figure,
        CancellationToken cancellationToken = default) =>
        OverQueries(Values(report, figure), cancellationToken);

    /// <summary>Computes the mean of one figure of the queries. All queries of an identity are drawn together.</summary>
    /// <param name="report">The evaluation.</param>
    /// <param name="figure">The figure of a query.</param>
    /// <param name="queryIdentities">The identity of each query.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <exception cref="ArgumentException">The number of identities differs from that of the queries.</exception>
    /// <exception cref="OperationCanceledException">The call was canceled.</exception>
    public ConfidenceInterval OverIdentities(RetrievalReport report, Func<QueryResult, double> figure,
        IReadOnlyList<long> queryIdentities, CancellationToken cancellationToken = default) =>
        OverIdentities(Values(report, figure), queryIdentities, cancellationToken);

    /// <summary>Computes the mean of values. Each value is drawn independently.</summary>
    /// <param name="values">The values; NaN is left out.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <exception cref="ArgumentNullException">The list is null.</exception>
    /// <exception cref="OperationCanceledException">The call was canceled.</exception>
    public ConfidenceInterval OverQueries(IReadOnlyList<double> values, CancellationToken cancellationToken = default) =>
        Interval(PairedValues.Groups(values, identities: null), cancellationToken);

    /// <summary>Computes the mean of values. The values of an identity are drawn together.</summary>
    /// <param name="values">The values; NaN is left out.</param>
    /// <param name="identities">The identity of each value.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <exception cref="ArgumentException">The number of identities differs from that of the values.</exception>
    /// <exception cref="OperationCanceledException">The call was canceled.</exception>
    public ConfidenceInterval OverIdentities(IReadOnlyList<double> values, IReadOnlyList<long> identities,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(identities);
        return Interval(PairedValues.Groups(values, identities), cancellationToken);
    }

    private ConfidenceInterval Interval((double Sum, int Count)[] groups, CancellationToken cancellationToken)
    {
        var call = CallProgress.Begin(progress: null, cancellationToken);
        if (groups.Length == 0) return new ConfidenceInterval(double.NaN, double.NaN, double.NaN, Confidence);
        var means = new double[Resamples];
        call.For(Resamples, draw =>
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
