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
    /// <summary>The confidence of intervals, in (0, 1). Default: 0.95.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The confidence is not in (0, 1).</exception>
    public double Confidence { get; init => field = Guard.Between(value, 0, 1); } = 0.95;

    /// <summary>The number of resamples. Default: 10,000.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The number is less than 1.</exception>
    public int Resamples { get; init => field = Guard.AtLeast(value, 1); } = 10_000;

    /// <summary>The seed of the draws. Default: 0.</summary>
    public ulong Seed { get; init; }

    /// <summary>Computes the mean of one figure of the queries and its interval. Each query is drawn independently.</summary>
    /// <param name="report">The evaluation.</param>
    /// <param name="figure">Returns the figure of a query, for example <c>q => q.AveragePrecision</c>, or
    /// <c>q => q.FirstMatch &lt;= 1 ? 1 : 0</c> for rank-1.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <exception cref="ArgumentException">A figure is infinite.</exception>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    /// <exception cref="OperationCanceledException">The call was canceled.</exception>
    public ConfidenceInterval OverQueries(RetrievalReport report, Func<QueryResult, double> figure,
        CancellationToken cancellationToken = default) =>
        Interval(PairedValues.Groups(Values(report, figure), identities: null), cancellationToken);

    /// <summary>Computes the mean of one figure of the queries and its interval. All queries of an identity are drawn together.</summary>
    /// <param name="report">The evaluation.</param>
    /// <param name="figure">The figure of a query.</param>
    /// <param name="queryIdentities">The identity of each query.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <exception cref="ArgumentException">The number of identities differs from that of the queries, or a figure is infinite.</exception>
    /// <exception cref="OperationCanceledException">The call was canceled.</exception>
    public ConfidenceInterval OverIdentities(RetrievalReport report, Func<QueryResult, double> figure,
        IReadOnlyList<long> queryIdentities, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(queryIdentities);
        return Interval(PairedValues.Groups(Values(report, figure), queryIdentities, nameof(queryIdentities)), cancellationToken);
    }

    /// <summary>Computes the mean of values and its interval. Each value is drawn independently.</summary>
    /// <param name="values">The values; NaN is left out.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <exception cref="ArgumentException">A value is infinite.</exception>
    /// <exception cref="ArgumentNullException">The list is null.</exception>
    /// <exception cref="OperationCanceledException">The call was canceled.</exception>
    public ConfidenceInterval OverQueries(IReadOnlyList<double> values, CancellationToken cancellationToken = default)
    {
        PairedValues.RefuseInfinite(values, nameof(values));
        return Interval(PairedValues.Groups(values, identities: null), cancellationToken);
    }

    /// <summary>Computes the mean of values and its interval. The values of an identity are drawn together.</summary>
    /// <param name="values">The values; NaN is left out.</param>
    /// <param name="identities">The identity of each value.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <exception cref="ArgumentException">The number of identities differs from that of the values, or a value is infinite.</exception>
    /// <exception cref="OperationCanceledException">The call was canceled.</exception>
    public ConfidenceInterval OverIdentities(IReadOnlyList<double> values, IReadOnlyList<long> identities,
        CancellationToken cancellationToken = default)
    {
        PairedValues.RefuseInfinite(values, nameof(values));
        ArgumentNullException.ThrowIfNull(identities);
        return Interval(PairedValues.Groups(values, identities), cancellationToken);
    }

    /// <summary>Computes the mean of values over several training runs of one method, for example with different seeds, on the same
    /// queries, and its interval. Each resample draws as many runs and as many identities as there are, with replacement, and takes all
    /// values of a drawn identity in each drawn run.</summary>
    /// <remarks>The interval says how far the figure would move with other people and other seeds. With R runs it understates the spread
    /// between runs: the variance of R draws with replacement is (R − 1)/R of the true one. One run adds nothing.</remarks>
    /// <param name="runs">For each run the values of the same queries in the same order; a query that is NaN in any run is left out of
    /// all.</param>
    /// <param name="identities">The identity of each value.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <exception cref="ArgumentNullException">A list is null.</exception>
    /// <exception cref="ArgumentException">There is no run, the runs differ in length, the number of identities differs from that of the
    /// values, or a value is infinite.</exception>
    /// <exception cref="OperationCanceledException">The call was canceled.</exception>
    public ConfidenceInterval OverIdentitiesAndRuns(IReadOnlyList<IReadOnlyList<double>> runs, IReadOnlyList<long> identities,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(runs);
        ArgumentNullException.ThrowIfNull(identities);
        if (runs.Count == 0) throw new ArgumentException("There must be at least one run.", nameof(runs));
        foreach (var run in runs) PairedValues.RefuseInfinite(run, nameof(runs));
        if (runs.FirstOrDefault(run => run.Count != runs[0].Count) is { } odd)
            throw new ArgumentException($"All runs must have one value a query, got {runs[0].Count} and {odd.Count}.", nameof(runs));
        var known = Enumerable.Range(0, runs[0].Count).Select(i => runs.All(run => !double.IsNaN(run[i]))).ToArray();
        return Interval([.. runs.Select(run => PairedValues.Groups([.. run.Select((value, i) => known[i] ? value : double.NaN)],
            identities))], cancellationToken);
    }

    private ConfidenceInterval Interval((double Sum, int Count)[] groups, CancellationToken cancellationToken) =>
        Interval([groups], cancellationToken);

    /// <param name="runs">The same groups in each run. All runs have the same counts, so the mean over runs is that of their
    /// sums.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    private ConfidenceInterval Interval((double Sum, int Count)[][] runs, CancellationToken cancellationToken)
    {
        var call = CallProgress.Begin(progress: null, cancellationToken);
        var groups = runs[0].Length;
        if (groups == 0) return new ConfidenceInterval(double.NaN, double.NaN, double.NaN, Confidence);
        var means = new double[Resamples];
        call.For(Resamples, draw =>
        {
            var random = SeededRandom.ForStream(Seed, 0, (ulong)draw);
            Span<int> times = runs.Length <= 64 ? stackalloc int[runs.Length] : new int[runs.Length];
            times.Clear();
            if (runs.Length == 1) times[0] = 1;     // nothing to draw, so that one run gives the interval over identities
            else for (var i = 0; i < runs.Length; i++) times[random.NextInt(runs.Length)]++;
            var (sum, count) = (0.0, 0L);
            for (var i = 0; i < groups; i++)
            {
                var group = random.NextInt(groups);
                for (var run = 0; run < runs.Length; run++) sum += times[run] * runs[run][group].Sum;
                count += (long)runs.Length * runs[0][group].Count;
            }
            means[draw] = sum / count;
        });
        Array.Sort(means);
        var tail = (1 - Confidence) / 2;
        var all = runs.SelectMany(run => run).ToArray();
        return new ConfidenceInterval(all.Sum(g => g.Sum) / all.Sum(g => g.Count), SortedArrayStatistics.Quantile(means, tail),
            SortedArrayStatistics.Quantile(means, 1 - tail), Confidence);
    }

    private static double[] Values(RetrievalReport report, Func<QueryResult, double> figure)
    {
        ArgumentNullException.ThrowIfNull(report);
        ArgumentNullException.ThrowIfNull(figure);
        double[] values = [.. report.PerQuery.Select(q => q.Skipped == SkipReason.None ? figure(q) : double.NaN)];
        PairedValues.RefuseInfinite(values, nameof(figure));
        return values;
    }
}
