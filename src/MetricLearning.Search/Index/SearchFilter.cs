namespace MetricLearning.Search;

/// <summary>Which rows a search may find. A search with a filter is as complete as one without: it gives the nearest of all rows that the
/// filter keeps.</summary>
/// <remarks>
/// <para>Keys are cheaper than a condition where they are few: only their rows are looked at. A condition is asked once for each row, and
/// once more for each block of about 192 queries.</para>
/// <para>Thread safety: immutable; any number of threads may use it at once. Conditions are called from several threads.</para>
/// </remarks>
/// <typeparam name="TKey">The type of keys.</typeparam>
public sealed class SearchFilter<TKey> where TKey : notnull
{
    private SearchFilter(Func<TKey, RowLabels, bool>? condition, IReadOnlySet<TKey>? keys) => (Condition, Set) = (condition, keys);

    /// <summary>Asks whether a row may be found; null where the keys alone decide.</summary>
    internal Func<TKey, RowLabels, bool>? Condition { get; }

    /// <summary>The only keys that may be found; null for all.</summary>
    internal IReadOnlySet<TKey>? Set { get; }

    /// <summary>Rows for which a condition holds.</summary>
    /// <param name="condition">Takes the key and the labels of a row. It must give the same answer each time.</param>
    /// <exception cref="ArgumentNullException">The condition is null.</exception>
    public static SearchFilter<TKey> Where(Func<TKey, RowLabels, bool> condition) => new(Guard.NotNull(condition), null);

    /// <summary>Rows of given keys. Keys that the index does not have are passed over.</summary>
    /// <param name="keys">The keys, which are copied.</param>
    /// <exception cref="ArgumentNullException">The keys, or one of them, are null.</exception>
    public static SearchFilter<TKey> Keys(IEnumerable<TKey> keys)
    {
        ArgumentNullException.ThrowIfNull(keys);
        return new(null, keys.Select(key => KeyGuard.NotNull(key, nameof(keys))).ToHashSet());
    }

    /// <summary>Rows that have a tag.</summary>
    /// <param name="tag">The tag, letter by letter.</param>
    /// <exception cref="ArgumentNullException">The tag is null.</exception>
    public static SearchFilter<TKey> Tag(string tag)
    {
        ArgumentNullException.ThrowIfNull(tag);
        return Where((_, labels) => labels.HasTag(tag));
    }

    /// <summary>Rows that both filters keep.</summary>
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
