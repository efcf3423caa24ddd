using System.Globalization;
using System.Text;

namespace MetricLearning;

/// <summary>The result of a verification: how well a threshold on the distance separates pairs of one identity from pairs of two.</summary>
/// <remarks>
/// <para>A pair is positive if both images show one identity, and accepted if it is near enough. FPR, the share of non-matching pairs that
/// are accepted, is also called the false match rate (FMR). TPR is the share of matching pairs that are accepted, and 1 − TPR is the false
/// non-match rate (FNMR). Figures are NaN if there are no matching pairs, or no non-matching ones.</para>
/// <para>Thread safety: immutable; any number of threads may use it at once.</para>
/// </remarks>
public sealed record VerificationReport
{
    private readonly PairCounts counts;
    private readonly double matching, others;

    internal VerificationReport(PairCounts counts, RetrievalProtocol? protocol, IReadOnlyList<double> targets, double confidence)
    {
        (this.counts, Protocol) = (counts, protocol);
        (MatchingPairs, NonMatchingPairs, Distance) = (counts.Matching, counts.Others, counts.Distance);
        var none = MatchingPairs == 0 || NonMatchingPairs == 0;
        (matching, others) = none ? (double.NaN, double.NaN) : (MatchingPairs, NonMatchingPairs);
        OperatingPoints = none ? [] : [.. targets.Select(t => At(t, confidence))];
        AreaUnderCurve = Area();
        EqualErrorRate = Equal();
    }

    /// <summary>The protocol that was used: the one that was set, or the default. Null if the distances of the pairs were
    /// given.</summary>
    public RetrievalProtocol? Protocol { get; }

    /// <summary>The name of the distance; "given matrix" if a matrix was given, "given" if the distances of the pairs were given.</summary>
    public string Distance { get; }

    /// <summary>The number of pairs that show one identity.</summary>
    public long MatchingPairs { get; }

    /// <summary>The number of pairs that show two identities.</summary>
    public long NonMatchingPairs { get; }

    /// <summary>AUC: the probability that a matching pair is nearer than a non-matching one, ties counting half; the area under
    /// <see cref="Roc"/> by trapezoids.</summary>
    public double AreaUnderCurve { get; }

    /// <summary>EER: the rate at which <see cref="Roc"/>, with straight lines between its points, has FPR = 1 − TPR.</summary>
    public double EqualErrorRate { get; }

    /// <summary>The thresholds for the evaluator's target false-match rates, and the errors at them; empty without pairs of both
    /// kinds.</summary>
    public IReadOnlyList<OperatingPoint> OperatingPoints { get; }

    /// <summary>TPR@FPR: the largest share of matching pairs that a threshold accepts while it accepts at most the given share of the
    /// non-matching pairs. It is exact for every rate, not only for the evaluator's targets.</summary>
    /// <param name="falsePositiveRate">The share of non-matching pairs, in [0, 1].</param>
    /// <exception cref="ArgumentOutOfRangeException">The rate is not in [0, 1].</exception>
    public double TruePositiveRateAt(double falsePositiveRate)
    {
        Guard.Within(falsePositiveRate, 0, 1);
        long accepted = 0;
        for (var i = 0; i < counts.Values.Length; i++)
            if ((counts.OthersBelow[i] + counts.OthersEqual[i]) / others <= falsePositiveRate) accepted += counts.Equal[i];
            else break;
        return accepted / matching;
    }

    /// <summary>TPR@FPR as fast-reid prints it. There the positives are the pairs of two identities, ranked by their distance. The value is
    /// read from scikit-learn's thinned ROC at the point whose FPR is nearest, above or below.</summary>
    /// <param name="falsePositiveRate">The share of matching pairs, in [0, 1].</param>
    /// <exception cref="ArgumentOutOfRangeException">The rate is not in [0, 1].</exception>
    public double TruePositiveRateOfFastReId(double falsePositiveRate)
    {
        Guard.Within(falsePositiveRate, 0, 1);
        var (best, gap) = (0.0, Math.Abs(falsePositiveRate));
        long refused = 0;
        for (var i = counts.Values.Length - 1; i >= 0; i--)
        {
            refused += counts.Equal[i];
            if (IsThinnedOut(i)) continue;
            var distance = Math.Abs(refused / matching - falsePositiveRate);
            if (distance < gap) (best, gap) = ((NonMatchingPairs - counts.OthersBelow[i]) / others, distance);
        }
        return double.IsNaN(matching) ? double.NaN : best;
    }

    /// <summary>The corners of the ROC, from (0, 0) to (1, 1). Each distinct matching distance that has non-matching pairs before it gives
    /// two.</summary>
    public IReadOnlyList<RocPoint> Roc => [.. Corners()];

    /// <summary>Formats a table of the figures, with the protocol; "n/a" if there are no pairs of both kinds.</summary>
    public override string ToString()
    {
        var text = new StringBuilder();
        if (Protocol is not null) text.AppendLine(CultureInfo.InvariantCulture, $"{Protocol}");
        text.AppendLine(CultureInfo.InvariantCulture,
            $"{MatchingPairs:N0} matching and {NonMatchingPairs:N0} other pairs, {Distance} distance");
        if (double.IsNaN(matching)) text.AppendLine("  AUC n/a   EER n/a");
        else text.AppendLine(CultureInfo.InvariantCulture, $"  AUC {AreaUnderCurve:F6}   EER {100 * EqualErrorRate:F3} %");
        foreach (var point in OperatingPoints)
            text.AppendLine(CultureInfo.InvariantCulture, $"  FMR {point.Target:G3}: TPR {100 * point.TruePositiveRate:F2} %, "
                + $"accept below {Text(point.Threshold)} [{Text(point.ThresholdInterval.Low)}, {Text(point.ThresholdInterval.High)}]");
        return text.ToString();

        // The culture would write the word "Infinity".
        static string Text(double distance) => double.IsPositiveInfinity(distance) ? "∞" : double.IsNegativeInfinity(distance) ? "−∞"
            : distance.ToString("G6", CultureInfo.InvariantCulture);
    }

    private OperatingPoint At(double target, double confidence)
    {
        var ranks = TargetRanks.Of(target, NonMatchingPairs, confidence);
        var threshold = ranks.Threshold == NonMatchingPairs
            ? new OrderStatistic(double.PositiveInfinity, NonMatchingPairs, MatchingPairs) : counts.Ordered[ranks.Threshold];
        var (lower, part) = ((long)ranks.QuantileAt, ranks.QuantileAt - Math.Floor(ranks.QuantileAt));
        var (a, b) = (counts.Ordered[lower].Value, counts.Ordered[Math.Min(lower + 1, NonMatchingPairs - 1)].Value);
        var quantile = part >= 0.5 ? b - (b - a) * (1 - part) : a + (b - a) * part;
        long refused = 0;
        for (var i = counts.Values.Length - 1; i >= 0 && counts.Values[i] >= quantile; i--) refused += counts.Equal[i];
        return new OperatingPoint
        {
            Target = target,
            Threshold = threshold.Value,
            ThresholdInterval = new ConfidenceInterval(threshold.Value,
                ranks.Low < 0 ? double.NegativeInfinity : counts.Ordered[ranks.Low].Value,
                ranks.High >= NonMatchingPairs ? double.PositiveInfinity : counts.Ordered[ranks.High].Value, confidence),
            FalseMatchRate = BinomialIntervals.Rate(threshold.OthersBelow, NonMatchingPairs, confidence),
            FalseNonMatchRate = BinomialIntervals.Rate(MatchingPairs - threshold.MatchingBelow, MatchingPairs, confidence),
            QuantileThreshold = quantile,
            FalseNonMatchRateAtQuantile = refused / matching,
        };
    }

    private IEnumerable<RocPoint> Corners()
    {
        yield return new RocPoint(double.NegativeInfinity, 0 / others, 0 / matching);
        long accepted = 0, before = 0;
        for (var i = 0; i < counts.Values.Length; i++)
        {
            // Just below this distance no further matching pair is accepted.
            if (counts.OthersBelow[i] > before)
                yield return new RocPoint(Math.BitDecrement(counts.Values[i]), counts.OthersBelow[i] / others, accepted / matching);
            accepted += counts.Equal[i];
            before = counts.OthersBelow[i] + counts.OthersEqual[i];
            yield return new RocPoint(counts.Values[i], before / others, accepted / matching);
        }
        if (before < NonMatchingPairs) yield return new RocPoint(double.PositiveInfinity, 1, accepted / matching);
    }

    private double Area()
    {
        var sum = 0.0;
        for (var i = 0; i < counts.Values.Length; i++)
            sum += counts.Equal[i] * (NonMatchingPairs - counts.OthersBelow[i] - 0.5 * counts.OthersEqual[i]);
        return sum / matching / others;
    }

    private double Equal()
    {
        if (double.IsNaN(matching)) return double.NaN;
        var (x, y) = (0.0, 0.0);
        foreach (var point in Corners())
        {
            var (nextX, nextY) = (point.FalsePositiveRate, point.TruePositiveRate);
            if (nextX >= 1 - nextY)
            {
                // On the line from (x, y): x + t dx = 1 − y − t dy.
                var t = (1 - x - y) / (nextX - x + nextY - y);
                return x + t * (nextX - x);
            }
            (x, y) = (nextX, nextY);
        }
        return x;
    }

    /// <summary>Whether scikit-learn's roc_curve drops the point of a matching distance because it lies midway between its
    /// neighbors.</summary>
    private bool IsThinnedOut(int i)
    {
        var othersAbove = NonMatchingPairs - counts.OthersBelow[i] - counts.OthersEqual[i];
        var isFirst = i == counts.Values.Length - 1 && othersAbove == 0;
        var isLast = i == 0 && counts.OthersBelow[i] == 0;
        if (isFirst || isLast) return false;
        // The next smaller distance must be a matching one too, and the step to it the same.
        return i > 0 && counts.OthersBelow[i] == counts.OthersBelow[i - 1] + counts.OthersEqual[i - 1]
            && counts.Equal[i] == counts.Equal[i - 1] && counts.OthersEqual[i] == counts.OthersEqual[i - 1];
    }
}
