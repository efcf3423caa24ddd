namespace MetricLearning.Search;

/// <summary>Decides which texts PostgreSQL can store.</summary>
internal static class StoredText
{
    /// <summary>Whether no text in a value has the character U+0000 or half of a surrogate pair.</summary>
    public static bool CanKeepValue(object value) => UnicodeText.IsWholeIn(value) && value switch
    {
        string text => HasNoNull(text),
        IEnumerable<string?> list => list.All(text => text is null || HasNoNull(text)),
        _ => true,
    };

    private static bool HasNoNull(string text) => !text.Contains('\0', StringComparison.Ordinal);
}
