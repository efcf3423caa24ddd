namespace MetricLearning.Samples;

/// <summary>The figures of each query that comparisons need; NaN if a query was skipped. Their means are the figures of the report under
/// every protocol and every order of ties.</summary>
internal sealed record QueryFigures(
    IReadOnlyList<double> AveragePrecision, IReadOnlyList<double> Rank1, IReadOnlyList<double> InverseNegativePenalty)
{
    public static QueryFigures Of(RetrievalReport report)
    {
        return new(Values(query => query.AveragePrecision), Values(query => query.RankAt(1)),
            Values(query => query.InverseNegativePenalty));

        double[] Values(Func<QueryResult, double> figure) =>
            [.. report.PerQuery.Select(query => query.Skipped == SkipReason.None ? figure(query) : double.NaN)];
    }
}
