namespace MetricLearning.Search;

/// <summary>The measured recall of a search, compared with an exact scan.</summary>
/// <remarks>Thread safety: immutable; any number of threads may use it at once.</remarks>
/// <param name="K">The number of nearest records that were compared.</param>
/// <param name="Queries">The number of sampled queries.</param>
/// <param name="Records">The number of records that the exact scan has read.</param>
/// <param name="Recall">Recall@k: the share of the k nearest records that the search has found, averaged over the queries. The interval is
/// that of Clopper and Pearson for queries that either find all or nothing. Real shares vary less, so the interval is wide
/// enough.</param>
public sealed record SearchRecall(int K, int Queries, long Records, ConfidenceInterval Recall)
{
    /// <summary>Computes the mean of shares, with its interval.</summary>
    internal static ConfidenceInterval Mean(IReadOnlyCollection<double> shares, double confidence)
    {
        var sum = shares.Sum();
        // Rounding errors of the sum must not lower the count by a whole query.
        var (fewer, more) = ((long)Math.Floor(sum + 1e-9), (long)Math.Ceiling(sum - 1e-9));
        return new ConfidenceInterval(sum / shares.Count, BinomialIntervals.Rate(fewer, shares.Count, confidence).Low,
            BinomialIntervals.Rate(more, shares.Count, confidence).High, confidence);
    }

    /// <summary>Formats the recall, for example <c>recall@10 0.9950 [0.9640, 0.9999] of 200 queries</c>.</summary>
    public override string ToString() => FormattableString.Invariant($"recall@{K} {Recall} of {Queries} queries");
}
