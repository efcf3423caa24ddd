using System.Globalization;
using System.Text;

namespace MetricLearning;

/// <summary>Finds texts that UTF-8 cannot hold. A writer would replace half of a surrogate pair by U+FFFD, and two different texts could
/// become equal.</summary>
internal static class UnicodeText
{
    /// <summary>Says in a message what is wrong with a text that is not whole.</summary>
    public const string Flaw = "is cut in the middle of a character (an emoji, for instance), so UTF-8 cannot hold it";

    private static readonly UTF8Encoding strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>Whether a text has no half of a surrogate pair.</summary>
    public static bool IsWhole(string text)
    {
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

    /// <summary>Requires a text without half of a surrogate pair.</summary>
    /// <param name="text">The text.</param>
    /// <param name="name">The argument or the setting.</param>
    /// <param name="what">What the message calls it; null for its name.</param>
    /// <exception cref="ArgumentException">It has one. The message shows the text.</exception>
    public static string Require(string text, string name, string? what = null) => IsWhole(text) ? text
        : throw new ArgumentException($"{what ?? name} must be valid Unicode, but '{Shown(text)}' {Flaw}.", name);

    /// <summary>Whether the texts in a value are whole: a text, or a list of texts. Other values have none.</summary>
    public static bool IsWholeIn(object value) => value switch
    {
        string text => IsWhole(text),
        IEnumerable<string?> list => list.All(text => text is null || IsWhole(text)),
        _ => true,
    };

    /// <summary>Makes a text visible in a message: half of a surrogate pair becomes its escape sequence.</summary>
    public static string Shown(string text)
    {
        var shown = new StringBuilder(text.Length);
        for (var i = 0; i < text.Length; i++)
        {
            var isPair = i + 1 < text.Length && char.IsSurrogatePair(text[i], text[i + 1]);
            if (char.IsSurrogate(text[i]) && !isPair) shown.Append(CultureInfo.InvariantCulture, $"\\u{(int)text[i]:x4}");
            else shown.Append(text[i]);
            if (isPair) shown.Append(text[++i]);
        }
        return shown.ToString();
    }
}
