using System.Text.RegularExpressions;
using MetricLearning.Testing;

namespace MetricLearning.Tests;

/// <summary>A page of the documentation, whose tables the tests compare with the code.</summary>
internal sealed partial class Page
{
    private Page(string text) => Lines = text.Split('\n');

    public string[] Lines { get; }

    public static Page Read(params string[] path) => new(Repository.Read(path));

    /// <summary>The cells of all rows of the tables below a heading, without the head rows. Without a heading, those of all
    /// tables.</summary>
    public IEnumerable<string[]> Rows(string? heading = null) => Tables(heading).SelectMany(table => table.Rows);

    /// <summary>The heads and the rows of the tables below a heading.</summary>
    public IEnumerable<(string[] Head, List<string[]> Rows)> Tables(string? heading = null)
    {
        var inside = heading is null;
        List<string[]>? rows = null;
        string[] head = [];
        foreach (var line in Lines.Append(""))
        {
            if (heading is not null && line.StartsWith("## ", StringComparison.Ordinal)) inside = line[3..] == heading;
            if (inside && line.StartsWith('|'))
            {
                string[] cells = [.. Cell().Split(line.Trim()[1..^1]).Select(cell => cell.Trim())];
                if (rows is null) (head, rows) = (cells, []);
                else if (cells.Any(cell => cell.Trim('-', ':').Length > 0)) rows.Add(cells);
                continue;
            }
            if (rows is not null) yield return (head, rows);
            rows = null;
        }
    }

    /// <summary>The heading itself and the lines below it, up to the next heading.</summary>
    public IEnumerable<string> Section(string heading)
    {
        var start = Array.IndexOf(Lines, heading);
        Assert.True(start >= 0, $"the page has no heading {heading}");
        return Lines.Skip(start).Take(1).Concat(Lines.Skip(start + 1).TakeWhile(line => !line.StartsWith("##", StringComparison.Ordinal)));
    }

    /// <summary>The texts between backticks.</summary>
    public static IEnumerable<string> Code(string cell) => Backticked().Matches(cell).Select(match => match.Groups[1].Value);

    [GeneratedRegex(@"(?<!\\)\|")]
    private static partial Regex Cell();

    [GeneratedRegex("`([^`]+)`")]
    private static partial Regex Backticked();
}
