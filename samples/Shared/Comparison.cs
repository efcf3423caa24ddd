using System.Globalization;

namespace MetricLearning.Samples;

/// <summary>Computes confidence intervals of figures, and tests whether two models on the same queries differ by more than
/// chance.</summary>
internal static class Comparison
{
    /// <summary>Explains the intervals of one model.</summary>
    public const string NoteOfOne =
        "Intervals of 95 %, by drawing the identities of the queries, or the queries, anew 10,000 times (bootstrap).";

    /// <summary>Explains the table of two models.</summary>
    public const string Note =
        "Intervals of 95 %, by drawing the identities of the queries anew 10,000 times (bootstrap). p: how often the two models' "
        + "results, exchanged identity by identity at random, differ as much; Wilcoxon's p looks at the ranks of the differences.";

    private static readonly (string Name, Func<QueryFigures, IReadOnlyList<double>> Of)[] figures =
    [
        ("mAP", queries => queries.AveragePrecision), ("rank-1", queries => queries.Rank1),
        ("mINP", queries => queries.InverseNegativePenalty),
    ];

    /// <summary>One row per figure, with its intervals over identities and over queries.</summary>
    public static IReadOnlyList<string[]> Table(QueryFigures queries, IReadOnlyList<long> queryIdentities,
        CancellationToken cancellationToken)
    {
        var bootstrap = new Bootstrap();
        return [["%", "over identities", "over queries"], .. figures.Select(figure =>
        {
            var values = figure.Of(queries);
            return new[]
            {
                figure.Name, Text(bootstrap.OverIdentities(values, queryIdentities, cancellationToken)),
                Text(bootstrap.OverQueries(values, cancellationToken)),
            };
        })];
    }

    /// <summary>One row per figure: both models and their difference in percentage points, each with its interval.</summary>
    public static IReadOnlyList<string[]> Table((string Name, QueryFigures Queries) first, (string Name, QueryFigures Queries) second,
        IReadOnlyList<long> queryIdentities, CancellationToken cancellationToken)
    {
        var bootstrap = new Bootstrap();
        return [["%", first.Name, second.Name, "difference", "p", "p (Wilcoxon)"], .. figures.Select(figure =>
        {
            var (a, b) = (figure.Of(first.Queries), figure.Of(second.Queries));
            double[] difference = [.. b.Zip(a, (after, before) => after - before)];
            var test = PairedTest.Compare(a, b, queryIdentities, cancellationToken: cancellationToken);
            return new[]
            {
                figure.Name, Text(bootstrap.OverIdentities(a, queryIdentities, cancellationToken)),
                Text(bootstrap.OverIdentities(b, queryIdentities, cancellationToken)),
                Text(bootstrap.OverIdentities(difference, queryIdentities, cancellationToken), "+0.0;-0.0;0.0"),
                Probability(test.PermutationP), Probability(test.WilcoxonP),
            };
        })];
    }

    private static string Probability(double p) => double.IsNaN(p) ? "–"
        : p < 0.0001 ? "< 0.0001" : p.ToString("0.0000", CultureInfo.InvariantCulture);

    private static string Text(ConfidenceInterval interval, string format = "0.0")
    {
        return $"{N(interval.Estimate)} [{N(interval.Low)}, {N(interval.High)}]";

        string N(double share) => double.IsNaN(share) ? "–" : (100 * share).ToString(format, CultureInfo.InvariantCulture);
    }
}
