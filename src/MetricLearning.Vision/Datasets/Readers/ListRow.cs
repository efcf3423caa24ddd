using System.Globalization;

namespace MetricLearning.Vision;

/// <summary>One row of a list file.</summary>
internal readonly record struct ListRow(string File, int Line, string[] Fields)
{
    public string this[int field] => Fields[field];

    /// <summary>Reads a field that must be a whole number in 0 … 2³¹ − 1.</summary>
    public long Whole(int field) => Digits(Fields[field]) ?? throw Fault(string.Create(CultureInfo.InvariantCulture,
        $"field {field + 1} must be a whole number, got \"{MessageText.Excerpt(Fields[field])}\"."));

    /// <summary>Reads a field that must be a whole number in a range.</summary>
    public long Whole(int field, long least, long most) => Whole(field) is var value && value >= least && value <= most ? value
        : throw Fault(string.Create(CultureInfo.InvariantCulture, $"field {field + 1} must be in [{least}, {most}], got {value}."));

    /// <summary>Makes the error for this row; it names the file and the line.</summary>
    public InvalidDataException Fault(string what) =>
        new(string.Create(CultureInfo.InvariantCulture, $"{File}, line {Line}: {MessageText.Message(what)}"));

    /// <summary>The value of a text of digits; null if the text has other characters or the value is more than 2³¹ − 1.</summary>
    public static long? Digits(ReadOnlySpan<char> text) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var value) ? value : null;
}
