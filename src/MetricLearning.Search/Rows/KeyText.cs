using System.Globalization;

namespace MetricLearning.Search;

/// <summary>Formats keys for messages.</summary>
internal static class KeyText
{
    /// <summary>The printable beginning of a key. A text may have control characters and half of a surrogate pair.</summary>
    public static string Of(object? key) =>
        MessageText.Excerpt(UnicodeText.Shown(Convert.ToString(key, CultureInfo.InvariantCulture) ?? ""));
}
