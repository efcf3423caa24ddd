using System.Text;

namespace MetricLearning.Search;

/// <summary>Which texts PostgreSQL can keep.</summary>
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

    /// <summary>Whether a value is kept as it is, if it holds texts.</summary>
    public static bool CanKeepValue(object value) => value switch
    {
        string text => CanKeep(text),
        IEnumerable<string?> list => list.All(text => text is null || CanKeep(text)),
        _ => true,
    };
}
