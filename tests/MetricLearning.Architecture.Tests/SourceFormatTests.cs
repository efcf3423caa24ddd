using System.Text.RegularExpressions;
using MetricLearning.Testing;

namespace MetricLearning.Architecture.Tests;

/// <summary>Tests the rules of .editorconfig that no analyzer checks: the length of lines, and comments that fill their lines.</summary>
public partial class SourceFormatTests
{
    private const int LongestLine = 140;

    /// <summary>A comment line that is shorter than this and does not end a sentence has room for the first word of the next
    /// line.</summary>
    private const int ShortLine = 100;

    private static readonly string[] statementEnds = [";\n", "{\n", "}\n"];

    private static readonly Lazy<IReadOnlyList<(string File, string[] Lines)>> sources = new(() =>
        [.. Directory.GetFiles(Repository.Root, "*.cs", SearchOption.AllDirectories)
            .Where(file => !file.Contains($"{Path.DirectorySeparatorChar}obj{Path.DirectorySeparatorChar}", StringComparison.Ordinal)
                && !file.Contains($"{Path.DirectorySeparatorChar}bin{Path.DirectorySeparatorChar}", StringComparison.Ordinal))
            .Select(file => (Path.GetRelativePath(Repository.Root, file), File.ReadAllLines(file)))]);

    [Fact]
    public void NoLine_IsLongerThanEditorConfigSays() => Faults.None(from source in sources.Value
        from line in source.Lines.Index()
        where line.Item.Length > LongestLine
        select $"{source.File}:{line.Index + 1} has {line.Item.Length} characters");

    [Fact]
    public void NoComment_BreaksInTheMiddleOfALine() => Faults.None(sources.Value.SelectMany(source => BrokenWraps(source.Lines)
        .Select(line => $"{source.File}:{line}: {source.Lines[line - 1].Trim()}")));

    [Fact]
    public void ABrokenWrap_IsFound() =>
        Assert.Equal([1], BrokenWraps(["/// A line that stops", "/// in the middle of a sentence, so that the next one starts early."]));

    /// <summary>In some cultures a number has other digits, signs or separators, but a text of the library is the same everywhere. Tests
    /// run without cultures, so no other test would notice.</summary>
    [Fact]
    public void NoNumber_IsFormattedByTheCulture() => Faults.None(sources.Value
        .Where(source => source.File.StartsWith("src", StringComparison.Ordinal))
        .SelectMany(source => FormattedByCulture(string.Join('\n', source.Lines)).Select(hole => $"{source.File}: {hole}")));

    [Fact]
    public void ANumberThatIsFormattedByTheCulture_IsFound()
    {
        Assert.Equal(["{bytes:N0}"],
            FormattedByCulture("a = FormattableString.Invariant($\"{x:0.0}\");\nthrow new E($\"{bytes:N0} {id:x}\");"));
        Assert.Empty(FormattedByCulture("text.Append(CultureInfo.InvariantCulture,\n  $\"{x}; {bytes:N0}\");"));
    }

    /// <summary>The places of texts that format a number, in a statement that does not name the invariant culture.</summary>
    private static IEnumerable<string> FormattedByCulture(string text)
    {
        foreach (Match number in FormattedNumber().Matches(text))
        {
            var before = text[..number.Index];
            var statement = before[(1 + statementEnds.Max(end => before.LastIndexOf(end, StringComparison.Ordinal)))..];
            var line = before[(1 + before.LastIndexOf('\n'))..].TrimStart();
            if (!statement.Contains("Invariant", StringComparison.Ordinal) && !line.StartsWith("//", StringComparison.Ordinal)
                && !number.Value.Contains("Guid", StringComparison.Ordinal)) yield return number.Value;
        }
    }

    [GeneratedRegex(@"\{[^{}""\n]*?[\w)\]]:(?:[NFGRPEC]\d*|[0#][^}""\n]*)\}")]
    private static partial Regex FormattedNumber();

    /// <summary>The numbers of the lines, from 1, that stop early in the middle of a sentence.</summary>
    private static IEnumerable<int> BrokenWraps(string[] lines)
    {
        var code = false;
        for (var i = 0; i + 1 < lines.Length; i++)
        {
            if (lines[i].Contains("<code>", StringComparison.Ordinal)) code = true;
            if (lines[i].Contains("</code>", StringComparison.Ordinal)) code = false;
            var (line, next) = (Comment().Match(lines[i]), Comment().Match(lines[i + 1]));
            if (code || !line.Success || !next.Success || line.Groups[1].Value != next.Groups[1].Value) continue;
            var text = line.Groups[2].Value;
            var endsHere = text.Length == 0 || ".:;>".Contains(text[^1], StringComparison.Ordinal);
            if (!endsHere && lines[i].Length < ShortLine && char.IsLetterOrDigit(next.Groups[2].Value.FirstOrDefault())) yield return i + 1;
        }
    }

    [GeneratedRegex(@"^(\s*///?) (.*\S)\s*$")]
    private static partial Regex Comment();
}
