using System.Text;

namespace MetricLearning.Search;

/// <summary>Decides which texts PostgreSQL can store.</summary>
internal static class StoredText
{
    private static readonly UTF8Encoding strict = new(false, throwOnInvalidBytes: true);

    /// <summary>Whether a text has no character U+0000 and no half of a surrogate pair.</summary>
    public static bool CanKeep(string text)
    {
        if (text.Contains('\0', StringComparison.Ordinal)) return false;
        try
        {
            strict.GetByteCount(text);
            return true;
        }
        catch (EncoderFallbackException)
        {
            return false;
        }
    }

    /// <summary>Whether all texts in a value can be stored.</summary>
    public static bool CanKeepValue(object value) => value switch
    {
        string text => CanKeep(text),
        IEnumerable<string?> list => list.All(text => text is null || CanKeep(text)),
        _ => true,
    };
}
