namespace MetricLearning.Search;

/// <summary>Collects the keys of the k nearest rows of a query while rows come one after the other.</summary>
/// <remarks>Thread safety: one thread at a time.</remarks>
internal sealed class NearestKeys<TKey>(SearchMetric metric, ReadOnlyMemory<float> query, int k, IComparer<TKey> order) where TKey : notnull
{
    private readonly double square = ExactScore.Square(query.Span);
    private readonly SortedSet<(double Score, TKey Key)> nearest = new(Comparer<(double Score, TKey Key)>.Create((x, y) =>
        x.Score == y.Score ? order.Compare(x.Key, y.Key) : y.Score.CompareTo(x.Score)));

    /// <summary>The number of keys: k, or fewer if fewer rows came.</summary>
    public int Count => nearest.Count;

    /// <summary>Adds a row if it is among the nearest so far.</summary>
    public void Offer(TKey key, ReadOnlySpan<float> row)
    {
        nearest.Add((ExactScore.Of(metric, query.Span, square, row), key));
        if (nearest.Count > k) nearest.Remove(nearest.Max);
    }

    /// <summary>Whether a key is among the nearest.</summary>
    public bool Has(TKey key) => nearest.Any(row => order.Compare(row.Key, key) == 0);
}
