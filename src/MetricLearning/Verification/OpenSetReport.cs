namespace MetricLearning;

/// <summary>How many known people are found and recognized, at what rate of false alarms.</summary>
public sealed record OpenSetReport
{
    private readonly (double Distance, int Rank)[] identified;
    private readonly double[] unknown;

    /// <param name="known">Queries with a match.</param>
    /// <param name="maxRank">How far the lists went.</param>
    /// <param name="identified">The nearest match of each known query that has one in its list.</param>
    /// <param name="unknown">The distance of each unknown query's nearest picture, ascending.</param>
    internal OpenSetReport(int known, int maxRank, (double Distance, int Rank)[] identified, double[] unknown) =>
        (KnownQueries, MaxRank, this.identified, this.unknown) = (known, maxRank, identified, unknown);

    /// <summary>How many queries have a match in the gallery.</summary>
    public int KnownQueries { get; }

    /// <summary>How many have an identity that is not in the gallery.</summary>
    public int UnknownQueries => unknown.Length;

    /// <summary>The highest rank that can be asked about.</summary>
    public int MaxRank { get; }

    /// <summary>The largest threshold, below which a distance is an alarm, with at most this share of false alarms; ∞ where all unknown
    /// queries may raise one, NaN where there are none.</summary>
    public double ThresholdAt(double falseAlarmRate)
    {
        Guard.Within(falseAlarmRate, 0, 1);
        if (unknown.Length == 0) return double.NaN;
        var allowed = TargetRanks.Accepted(falseAlarmRate, unknown.Length);
        return allowed == unknown.Length ? double.PositiveInfinity : unknown[allowed];
    }

    /// <summary>DIR@FAR (TPIR@FPIR): the share of known queries whose nearest match is among the first pictures and below
    /// <see cref="ThresholdAt"/>. NaN where there are no known, or no unknown, queries.</summary>
    /// <param name="falseAlarmRate">In [0, 1].</param>
    /// <param name="rank">How many pictures are looked at: 1 to <see cref="MaxRank"/>.</param>
    /// <exception cref="ArgumentOutOfRangeException">A parameter is not in its range.</exception>
    public double DetectionAndIdentificationRateAt(double falseAlarmRate, int rank = 1)
    {
        if (Guard.AtLeast(rank, 1) > MaxRank)
            throw new ArgumentOutOfRangeException(nameof(rank), rank, $"rank must be at most MaxRank = {MaxRank} of the evaluator.");
        var threshold = ThresholdAt(falseAlarmRate);
        if (double.IsNaN(threshold) || KnownQueries == 0) return double.NaN;
        return (double)identified.Count(match => match.Rank <= rank && match.Distance < threshold) / KnownQueries;
    }
}
