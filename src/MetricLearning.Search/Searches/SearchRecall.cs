namespace MetricLearning.Search;

/// <summary>How many of the records that an exact scan gives a search has found.</summary>
/// <remarks>Thread safety: immutable; any number of threads may use it at once.</remarks>
/// <param name="K">How many nearest records were compared.</param>
/// <param name="Queries">How many queries were sampled.</param>
/// <param name="Records">How many records the exact scan has read.</param>
/// <param name="Recall">Recall@k: the mean over the queries of the share of the k nearest records that the search has found. The interval
/// is that of Clopper and Pearson, as if each query were found wholly or not at all. Shares spread less than that, so it is wide
/// enough.</param>
public sealed record SearchRecall(int K, int Queries, long Records, ConfidenceInterval Recall)
{
    /// <summary>The mean of shares.</summary>
    internal static ConfidenceInterval Mean(IReadOnlyCollection<double> shares, double confidence)
    {
        var sum = shares.Sum();
        // Roundings of the shares' sum must not cost a whole query.
        var (fewer, more) = ((long)Math.Floor(sum + 1e-9), (long)Math.Ceiling(sum - 1e-9));
        return new ConfidenceInterval(sum / shares.Count, BinomialIntervals.Rate(fewer, shares.Count, confidence).Low,
            BinomialIntervals.Rate(more, shares.Count, confidence).High, confidence);
    }

    /// <summary><c>recall@10 0.9950 [0.9640, 0.9999] of 200 queries</c>.</summary>
    public override string ToString() => FormattableString.Invariant($"recall@{K} {Recall} of {Queries} queries");
}
