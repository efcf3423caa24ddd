using System.Globalization;
using System.Text;

namespace MetricLearning.Vision;

/// <summary>Keeps what files contain short and printable when it goes into an error message.</summary>
internal static class MessageText
{
    private const int Items = 5, Characters = 200;

    /// <summary>The first items of a list.</summary>
    public static string Some<T>(IReadOnlyCollection<T> items) =>
        string.Join(", ", items.Take(Items)) + (items.Count > Items ? ", ..." : "");

    /// <summary>The beginning of a text, with its control characters written as <c>\u001b</c>.</summary>
    public static string Excerpt(string text)
    {
        var shown = new StringBuilder();
        foreach (var character in text.AsSpan(0, Math.Min(text.Length, Characters)))
            if (char.IsControl(character)) shown.Append(CultureInfo.InvariantCulture, $"\\u{(int)character:x4}");
            else shown.Append(character);
        return text.Length > Characters ? $"{shown}..." : shown.ToString();
    }
}
