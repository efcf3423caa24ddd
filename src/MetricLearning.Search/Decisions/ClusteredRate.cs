namespace MetricLearning.Search;

/// <summary>Computes the rate of errors among pairs that share identities.</summary>
internal static class ClusteredRate
{
    /// <summary>Computes the rate, with an interval for the rate of all such pairs.</summary>
    /// <remarks>This is the interval of Korn and Graubard (Survey Methodology 1998). It is the Clopper and Pearson interval for the number
    /// of independent pairs that would have the same variance. The variance is that of sums over identities. A pair counts for both of its
    /// identities; a pair without identities is a cluster of its own. If all pairs are errors, or none is, the number of clusters (if
    /// smaller) takes the place of the number of pairs.</remarks>
    /// <param name="pairs">The pairs, at least one.</param>
    /// <param name="isError">Whether a pair is an error.</param>
    /// <param name="confidence">The confidence of the interval.</param>
    public static ConfidenceInterval Of(IReadOnlyList<LabelledPair> pairs, Func<LabelledPair, bool> isError, double confidence)
    {
        var (count, errors) = (pairs.Count, pairs.Count(isError));
        var rate = (double)errors / count;
        var (sums, alone, squares) = (new Dictionary<long, double>(), 0L, 0.0);
        foreach (var pair in pairs)
        {
            var excess = (isError(pair) ? 1 : 0) - rate;
            if (pair.First is null && pair.Second is null) (alone, squares) = (alone + 1, squares + excess * excess);
            if (pair.First is { } first) sums[first] = sums.GetValueOrDefault(first) + excess;
            if (pair.Second is { } second && second != pair.First) sums[second] = sums.GetValueOrDefault(second) + excess;
        }
        if (sums.Count == 0) return BinomialIntervals.Rate(errors, count, confidence);
        var variance = (squares + sums.Values.Sum(sum => sum * sum)) / ((double)count * count);
        var effective = errors == 0 || errors == count ? Math.Min(count, alone + sums.Count)
            : Math.Min(count, rate * (1 - rate) / variance);
        return BinomialIntervals.Rate(rate * effective, effective, confidence) with { Estimate = rate };
    }
}
