namespace MetricLearning.Search;

/// <summary>The order of keys that decides between equal scores: by code points for strings, the default order for other types.</summary>
/// <remarks>UTF-8 has the order of code points, so files and servers sort texts in the same way. The order of UTF-16 units differs from it:
/// a surrogate, whose code point is at least U+10000, comes before U+E000.</remarks>
internal sealed class KeyOrder<TKey> : IComparer<TKey>
{
    private KeyOrder() { }

    /// <summary>The order for a type; null if the type has none.</summary>
    public static IComparer<TKey>? Default { get; } =
        typeof(TKey) == typeof(object) || typeof(IComparable).IsAssignableFrom(typeof(TKey))
            || typeof(IComparable<TKey>).IsAssignableFrom(typeof(TKey)) ? new KeyOrder<TKey>() : null;

    public int Compare(TKey? x, TKey? y) => x is string first && y is string second ? Texts(first, second)
        : Comparer<TKey>.Default.Compare(x, y);

    private static int Texts(string x, string y)
    {
        var same = x.AsSpan().CommonPrefixLength(y);
        if (same == x.Length || same == y.Length) return x.Length - y.Length;
        var (first, second) = (x[same], y[same]);
        return char.IsSurrogate(first) == char.IsSurrogate(second) ? first - second : char.IsSurrogate(first) ? 1 : -1;
    }
}
