namespace MetricLearning.Search;

/// <summary>The order of keys that decides between equal scores: ordinal for strings, the default order for other types.</summary>
internal sealed class KeyOrder<TKey> : IComparer<TKey>
{
    private KeyOrder() { }

    /// <summary>The order for a type; null if the type has none.</summary>
    public static IComparer<TKey>? Default { get; } =
        typeof(TKey) == typeof(object) || typeof(IComparable).IsAssignableFrom(typeof(TKey))
            || typeof(IComparable<TKey>).IsAssignableFrom(typeof(TKey)) ? new KeyOrder<TKey>() : null;

    public int Compare(TKey? x, TKey? y) => x is string first && y is string second ? string.CompareOrdinal(first, second)
        : Comparer<TKey>.Default.Compare(x, y);
}
