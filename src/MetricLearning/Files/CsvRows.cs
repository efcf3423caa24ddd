using System.Text;

namespace MetricLearning;

/// <summary>Reads comma-separated values (RFC 4180) in one pass. A field between double quotes may have commas, line ends, doubled
/// quotes, and blanks at its ends, which stay; blanks around a field and its quotes are dropped; empty lines are skipped.</summary>
internal static class CsvRows
{
    /// <summary>The largest length of a quoted field. A longer one has probably lost its closing quote.</summary>
    public const int LongestField = 1 << 16;

    /// <summary>The largest number of columns; a list of images has only a few.</summary>
    private const int MostFields = 1 << 12;

    /// <summary>Reads the rows, each with the number of the line, from 1, in which it begins.</summary>
    /// <exception cref="InvalidDataException">A row does not parse; the message has the file and the line.</exception>
    public static IEnumerable<(int Line, string[] Fields)> Read(string path)
    {
        var fields = new List<string>();
        var field = new StringBuilder();
        var (state, start, first) = (State.Blank, 0, "");
        string[] before = [];
        foreach (var (number, line) in TextLines.Read(path))
        {
            if (state != State.Quoted)
            {
                if (string.IsNullOrWhiteSpace(line)) continue;
                (start, first) = (number, line);
                if (!line.Contains('"', StringComparison.Ordinal))
                {
                    before = Split(line, before) ?? throw Fault();
                    yield return (start, before);
                    continue;
                }
            }
            for (var i = 0; i <= line.Length; i++)
            {
                var character = i < line.Length ? line[i] : '\n';
                if (state == State.Quoted)
                {
                    if (character != '"') field.Append(character);
                    else if (i + 1 < line.Length && line[i + 1] == '"') field.Append(line[i++]);
                    else state = State.AfterQuote;
                    if (field.Length > LongestField) throw Fault();
                }
                else if (character is ',' or '\n')
                {
                    if (fields.Count == MostFields) throw Fault();
                    fields.Add(state == State.AfterQuote ? field.ToString() : field.ToString().Trim());
                    field.Clear();
                    state = State.Blank;
                }
                else if (state == State.AfterQuote)
                {
                    if (!char.IsWhiteSpace(character)) throw Fault();
                }
                else if (character == '"' && state == State.Blank)
                {
                    field.Clear();
                    state = State.Quoted;
                }
                else
                {
                    field.Append(character);
                    if (!char.IsWhiteSpace(character)) state = State.Plain;
                }
            }
            if (state == State.Quoted) continue;
            yield return (start, fields.ToArray());
            fields.Clear();
        }
        if (state == State.Quoted) throw Fault();

        InvalidDataException Fault() =>
            new($"{path}, line {start} does not parse: {MessageText.Excerpt(first)}{SeparatorHint(first)}");
    }

    /// <summary>The end of an error's message if a line seems to have other separators than commas; otherwise empty.</summary>
    public static string SeparatorHint(string line) =>
        line.AsSpan().IndexOfAny(';', '\t') < 0 ? "" : "; fields must be separated by commas, not by semicolons or tabs";

    /// <summary>The fields of a line without quotes; null if they are too many. A field that is the same as in the row before is the same
    /// string, because lists repeat their identities, cameras and splits.</summary>
    private static string[]? Split(string line, string[] before)
    {
        var count = line.AsSpan().Count(',') + 1;
        if (count > MostFields) return null;
        var fields = new string[count];
        var rest = line.AsSpan();
        for (var i = 0; i < count; i++)
        {
            var end = rest.IndexOf(',');
            var field = (end < 0 ? rest : rest[..end]).Trim();
            fields[i] = i < before.Length && field.SequenceEqual(before[i]) ? before[i] : field.ToString();
            rest = rest[(end + 1)..];
        }
        return fields;
    }

    /// <summary>The part of a field that has been read: only blanks, text without quotes, text after the opening quote, or everything up to
    /// the closing quote.</summary>
    private enum State
    {
        Blank, Plain, Quoted, AfterQuote,
    }
}
