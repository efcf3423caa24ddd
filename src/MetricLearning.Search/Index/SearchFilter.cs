namespace MetricLearning.Search;

/// <summary>Selects the rows that a search may find. A search with a filter is complete too: it gives the nearest of all rows that the
/// filter keeps.</summary>
/// <remarks>
/// <para>A few keys are cheaper than a condition, because only their rows are read. A condition is called once per row for each block of
/// about 192 queries.</para>
/// <para>Thread safety: immutable; any number of threads may use it at once. Conditions are called from several threads.</para>
/// </remarks>
/// <typeparam name="TKey">The type of keys.</typeparam>
public sealed class SearchFilter<TKey> where TKey : notnull
{
    private SearchFilter(Func<TKey, RowLabels, bool>? condition, IReadOnlySet<TKey>? keys) => (Condition, Set) = (condition, keys);

    /// <summary>The condition on a row; null if only the keys decide.</summary>
    internal Func<TKey, RowLabels, bool>? Condition { get; }

    /// <summary>The only keys that may be found; null for all.</summary>
    internal IReadOnlySet<TKey>? Set { get; }

    /// <summary>Selects the rows for which a condition is true.</summary>
    /// <param name="condition">The condition on the key and the labels of a row. It must always give the same answer.</param>
    /// <exception cref="ArgumentNullException">The condition is null.</exception>
    public static SearchFilter<TKey> Where(Func<TKey, RowLabels, bool> condition) => new(Guard.NotNull(condition), null);

    /// <summary>Selects the rows of given keys. Keys that the index does not have are ignored.</summary>
    /// <param name="keys">The keys; they are copied.</param>
    /// <exception cref="ArgumentNullException">The keys, or one of them, are null.</exception>
    public static SearchFilter<TKey> Keys(IEnumerable<TKey> keys)
    {
        ArgumentNullException.ThrowIfNull(keys);
        return new(null, keys.Select(key => KeyGuard.NotNull(key, nameof(keys))).ToHashSet());
    }

    /// <summary>Selects the rows that have a tag.</summary>
    /// <param name="tag">The tag; it is compared ordinally.</param>
    /// <exception cref="ArgumentNullException">The tag is null.</exception>
    public static SearchFilter<TKey> Tag(string tag)
    {
        ArgumentNullException.ThrowIfNull(tag);
        return Where((_, labels) => labels.HasTag(tag));
    }

    /// <summary>Selects the rows that both filters keep.</summary>
    /// <param name="other">The other filter.</param>
    /// <exception cref="ArgumentNullException">The other filter is null.</exception>
    public SearchFilter<TKey> And(SearchFilter<TKey> other)
    {
        ArgumentNullException.ThrowIfNull(other);
        var (first, second) = (Condition, other.Condition);
        Func<TKey, RowLabels, bool>? both = first is null ? second : second is null ? first
            : (key, labels) => first(key, labels) && second(key, labels);
        var keys = Set is null ? other.Set : other.Set is null ? Set : Set.Where(other.Set.Contains).ToHashSet();
        return new SearchFilter<TKey>(both, keys);
    }
}
