namespace MetricLearning.Search;

/// <summary>A row of an index: its key, its vector and its labels.</summary>
/// <remarks>Thread safety: immutable; any number of threads may use it at once.</remarks>
/// <typeparam name="TKey">The type of keys.</typeparam>
/// <param name="Key">The key.</param>
/// <param name="Vector">The vector. An index copies it.</param>
/// <param name="Labels">The labels of the row; null for none.</param>
public sealed record SearchRow<TKey>(TKey Key, ReadOnlyMemory<float> Vector, RowLabels? Labels = null) where TKey : notnull
{
    /// <summary>The key.</summary>
    /// <exception cref="ArgumentNullException">The key is null.</exception>
    public TKey Key { get; init => field = KeyGuard.NotNull(value, nameof(Key)); } = KeyGuard.NotNull(Key, nameof(Key));
}
