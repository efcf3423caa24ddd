using System.Globalization;
using System.Text;

namespace MetricLearning;

/// <summary>Makes text from files short and printable for error messages.</summary>
internal static class MessageText
{
    private const int Items = 5, ExcerptLength = 200, MessageLength = 2000, LinesLength = 8000;

    /// <summary>The first items of a list.</summary>
    public static string Some<T>(IReadOnlyCollection<T> items, int most = Items) =>
        string.Join(", ", items.Take(most).Select(item => Excerpt($"{item}"))) + (items.Count > most ? ", ..." : "");

    /// <summary>A number of things, such as "1 file" and "3,368 queries".</summary>
    /// <param name="count">The number.</param>
    /// <param name="one">The word for one thing.</param>
    /// <param name="many">The word for several things. Default: null, <paramref name="one"/> with an s.</param>
    public static string Counted(int count, string one, string? many = null) =>
        string.Create(CultureInfo.InvariantCulture, $"{count:N0} {(count == 1 ? one : many ?? $"{one}s")}");

    /// <summary>The printable beginning of a text from a file.</summary>
    public static string Excerpt(string text) => Printable(text, ExcerptLength, keepsLines: false);

    /// <summary>The printable beginning of a message that may contain text from a file.</summary>
    public static string Message(string text) => Printable(text, MessageLength, keepsLines: false);

    /// <summary>The printable beginning of a message with several lines.</summary>
    public static string Lines(string text) => Printable(text, LinesLength, keepsLines: true);

    /// <summary>The message of an error without the name of the parameter, which the user of a program or a file does not know.</summary>
    public static string WithoutParameter(ArgumentException error) => error.ParamName is { } name
        ? error.Message.Replace($" (Parameter '{name}')", "", StringComparison.Ordinal) : error.Message;

    private static string Printable(string text, int longest, bool keepsLines)
    {
        var shown = new StringBuilder();
        var end = Math.Min(text.Length, longest);
        if (end < text.Length && char.IsSurrogatePair(text[end - 1], text[end])) end--;
        foreach (var character in text.AsSpan(0, end))
            if (IsPrintable(character) || (keepsLines && character == '\n')) shown.Append(character);
            else shown.Append(CultureInfo.InvariantCulture, $"\\u{(int)character:x4}");
        return text.Length > end ? $"{shown}..." : shown.ToString();
    }

    /// <summary>Whether a terminal or a log only shows a character. Control characters move the cursor, and format characters change the
    /// direction of the following text.</summary>
    private static bool IsPrintable(char character) => char.GetUnicodeCategory(character) is not (UnicodeCategory.Control
        or UnicodeCategory.Format or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator);
}
