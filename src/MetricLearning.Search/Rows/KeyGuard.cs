namespace MetricLearning.Search;

/// <summary>Refuses keys that are null.</summary>
internal static class KeyGuard
{
    /// <summary>Returns the key if it is not null.</summary>
    /// <param name="key">The key.</param>
    /// <param name="name">The name of the argument or property in the exception.</param>
    /// <exception cref="ArgumentNullException">The key is null.</exception>
    public static TKey NotNull<TKey>(TKey key, string name)
    {
        ArgumentNullException.ThrowIfNull(key, name);
        return key;
    }
}
