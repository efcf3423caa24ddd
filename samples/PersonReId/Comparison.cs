using System.Globalization;
using MetricLearning;

namespace PersonReId;

/// <summary>Two networks on the same queries: how far apart they are, and whether that may be chance.</summary>
internal static class Comparison
{
    /// <summary>What the table's intervals mean.</summary>
    public const string Note = "Intervals of 95 %, by drawing the identities of the queries anew 10,000 times (bootstrap). p: how often the two networks' "
        + "results, exchanged identity by identity at random, differ as much.";

    private static readonly (string Name, Func<QueryResult, double> Of)[] figures =
    [
        ("mAP", query => query.AveragePrecision), ("rank-1", query => query.FirstMatch <= 1 ? 1 : 0), ("mINP", query => query.InverseNegativePenalty),
    ];

    /// <summary>A row a figure: before, after, and the difference in points, each with its interval.</summary>
    public static IReadOnlyList<string[]> Table(RetrievalReport before, RetrievalReport after, IReadOnlyList<long> queryIds)
    {
        var bootstrap = new Bootstrap();
        return [["%", "before", "after", "difference", "p"], .. figures.Select(figure =>
        {
            var (first, second) = (Values(before, figure.Of), Values(after, figure.Of));
            double[] difference = [.. second.Zip(first, (b, a) => b - a)];
            var test = PairedTest.Compare(first, second, queryIds);
            return new[]
            {
                figure.Name, Text(bootstrap.OverIdentities(first, queryIds)), Text(bootstrap.OverIdentities(second, queryIds)),
                Text(bootstrap.OverIdentities(difference, queryIds), "+0.0;-0.0;0.0"),
                test.PermutationP.ToString("0.0000", CultureInfo.InvariantCulture),
            };
        })];
    }

    private static double[] Values(RetrievalReport report, Func<QueryResult, double> figure) =>
        [.. report.PerQuery.Select(query => query.Skipped == SkipReason.None ? figure(query) : double.NaN)];

    private static string Text(ConfidenceInterval interval, string format = "0.0")
    {
        return $"{N(interval.Estimate)} [{N(interval.Low)}, {N(interval.High)}]";

        string N(double share) => (100 * share).ToString(format, CultureInfo.InvariantCulture);
    }
}
