using System.Globalization;
using System.Text;

namespace MetricLearning;

/// <summary>The result of open-set identification: how many known people are found and recognized, and at what rate of false
/// alarms.</summary>
/// <remarks>Thread safety: immutable; any number of threads may use it at once.</remarks>
public sealed record OpenSetReport
{
    private readonly (double Distance, int Rank)[] identified;
    private readonly double[] unknown;

    /// <param name="protocol">The protocol that was used.</param>
    /// <param name="known">Queries with a match.</param>
    /// <param name="maxRank">The length of the lists.</param>
    /// <param name="identified">The nearest match of each known query that has one in its list.</param>
    /// <param name="unknown">The distance of each unknown query's nearest image, ascending.</param>
    internal OpenSetReport(RetrievalProtocol protocol, int known, int maxRank, (double Distance, int Rank)[] identified,
        double[] unknown) =>
        (Protocol, KnownQueries, MaxRank, this.identified, this.unknown) = (protocol, known, maxRank, identified, unknown);

    /// <summary>The protocol that was used: the one that was set, or the default.</summary>
    public RetrievalProtocol Protocol { get; }

    /// <summary>The number of queries that have a match in the gallery.</summary>
    public int KnownQueries { get; }

    /// <summary>The number of queries whose identity is not in the gallery.</summary>
    public int UnknownQueries => unknown.Length;

    /// <summary>The highest rank that the report can give.</summary>
    public int MaxRank { get; }

    /// <summary>The largest threshold at which at most the given share of the unknown queries raises a false alarm. A distance below the
    /// threshold is an alarm. It is ∞ if all unknown queries may raise one, and NaN if there are no unknown queries.</summary>
    /// <param name="falseAlarmRate">The share of unknown queries, in [0, 1].</param>
    /// <exception cref="ArgumentOutOfRangeException">The rate is not in [0, 1].</exception>
    public double ThresholdAt(double falseAlarmRate)
    {
        Guard.Within(falseAlarmRate, 0, 1);
        if (unknown.Length == 0) return double.NaN;
        var allowed = TargetRanks.Accepted(falseAlarmRate, unknown.Length);
        return allowed == unknown.Length ? double.PositiveInfinity : unknown[allowed];
    }

    /// <summary>DIR@FAR (TPIR@FPIR): the share of known queries whose nearest match is among the first images and nearer than
    /// <see cref="ThresholdAt"/>. NaN if there are no known queries, or no unknown ones.</summary>
    /// <param name="falseAlarmRate">The share of unknown queries that may raise an alarm, in [0, 1].</param>
    /// <param name="rank">How many of the nearest images count, in [1, <see cref="MaxRank"/>]. Default: 1.</param>
    /// <exception cref="ArgumentOutOfRangeException">A parameter is not in its range.</exception>
    public double DetectionAndIdentificationRateAt(double falseAlarmRate, int rank = 1)
    {
        if (Guard.AtLeast(rank, 1) > MaxRank)
            throw new ArgumentOutOfRangeException(nameof(rank), rank, $"rank must be at most MaxRank = {MaxRank} of the evaluator.");
        var threshold = ThresholdAt(falseAlarmRate);
        if (double.IsNaN(threshold) || KnownQueries == 0) return double.NaN;
        return (double)identified.Count(match => match.Rank <= rank && match.Distance < threshold) / KnownQueries;
    }

    /// <summary>A table of the rates in percent at false alarm rates of 0.1, 1 and 10 %; "–" if a rate is not defined.</summary>
    public override string ToString()
    {
        var text = new StringBuilder();
        text.AppendLine(CultureInfo.InvariantCulture, $"{Protocol}");
        text.AppendLine(CultureInfo.InvariantCulture, $"{KnownQueries:N0} known and {UnknownQueries:N0} unknown queries");
        foreach (var rate in new[] { 0.001, 0.01, 0.1 })
        {
            text.Append(CultureInfo.InvariantCulture, $"  FAR {100 * rate:0.###} %: DIR {Percent(rate, 1)}");
            if (MaxRank > 1) text.Append(CultureInfo.InvariantCulture, $", {Percent(rate, MaxRank)} within {MaxRank}");
            text.AppendLine(CultureInfo.InvariantCulture, $", alarm below {Threshold(rate)}");
        }
        return text.ToString();

        string Threshold(double rate) => ThresholdAt(rate) is var threshold && double.IsNaN(threshold) ? "–"
            : threshold.ToString("G6", CultureInfo.InvariantCulture);

        string Percent(double rate, int rank) => DetectionAndIdentificationRateAt(rate, rank) is var share && double.IsNaN(share) ? "–"
            : string.Create(CultureInfo.InvariantCulture, $"{100 * share:F2} %");
    }
}
