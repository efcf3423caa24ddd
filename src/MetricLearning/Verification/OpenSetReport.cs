namespace MetricLearning;

/// <summary>How many known people are found and recognised, at what rate of false alarms.</summary>
public sealed record OpenSetReport
{
    private readonly double[] identified, unknown;

    internal OpenSetReport(int known, double[] identified, double[] unknown) =>
        (KnownQueries, this.identified, this.unknown) = (known, identified, unknown);

    /// <summary>How many queries have a match in the gallery.</summary>
    public int KnownQueries { get; }

    /// <summary>How many have an identity that is not in the gallery.</summary>
    public int UnknownQueries => unknown.Length;

    /// <summary>The largest threshold, below which a distance is an alarm, with at most this share of false alarms; ∞ where all unknown
    /// queries may raise one, NaN where there are none.</summary>
    public double ThresholdAt(double falseAlarmRate)
    {
        Guard.Within(falseAlarmRate, 0, 1);
        if (unknown.Length == 0) return double.NaN;
        var allowed = TargetRanks.Accepted(falseAlarmRate, unknown.Length);
        return allowed == unknown.Length ? double.PositiveInfinity : unknown[allowed];
    }

    /// <summary>DIR@FAR at rank 1. NaN where there are no known, or no unknown, queries.</summary>
    public double DetectionAndIdentificationRateAt(double falseAlarmRate)
    {
        var threshold = ThresholdAt(falseAlarmRate);
        if (double.IsNaN(threshold) || KnownQueries == 0) return double.NaN;
        return (double)GivenPairs.CountBelow(identified, threshold, orEqual: false) / KnownQueries;
    }
}
