namespace MetricLearning;

/// <summary>The ranks, from 0, of the non-matching distances that a target false-match rate needs.</summary>
/// <param name="Threshold">The first distance that may not be accepted; the number of pairs if all may be accepted.</param>
/// <param name="Low">The lower end of the threshold's interval; −1 for minus infinity.</param>
/// <param name="High">The upper end; the number of pairs for infinity.</param>
/// <param name="QuantileAt">The place of the interpolated quantile, between two ranks.</param>
internal readonly record struct TargetRanks(long Threshold, long Low, long High, double QuantileAt)
{
    public static TargetRanks Of(double target, long others, double confidence)
    {
        var (low, high) = BinomialIntervals.QuantileRanks(target, others, confidence);
        return new TargetRanks(Accepted(target, others), low - 1, high - 1, target * (others - 1));
    }

    /// <summary>The largest number of pairs that is at most a share of all pairs.</summary>
    public static long Accepted(double share, long count)
    {
        var accepted = (long)Math.Floor(share * count);
        while (accepted < count && (double)(accepted + 1) / count <= share) accepted++;
        while (accepted > 0 && (double)accepted / count > share) accepted--;
        return accepted;
    }

    public IEnumerable<long> Needed(long others) =>
        others == 0 ? [] : new[] { Threshold, Low, High, (long)QuantileAt, (long)QuantileAt + 1 }.Where(r => r >= 0 && r < others);
}
