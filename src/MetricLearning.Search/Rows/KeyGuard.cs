namespace MetricLearning.Search;

/// <summary>Refuses keys that are null.</summary>
internal static class KeyGuard
{
    /// <summary>The key.</summary>
    /// <param name="key">A key.</param>
    /// <param name="name">What the caller knows it by.</param>
    /// <exception cref="ArgumentNullException">The key is null.</exception>
    public static TKey NotNull<TKey>(TKey key, string name)
    {
        ArgumentNullException.ThrowIfNull(key, name);
        return key;
    }
}
