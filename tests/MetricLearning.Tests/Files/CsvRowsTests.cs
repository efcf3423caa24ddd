using System.Text;

namespace MetricLearning.Tests;

/// <summary>Rows without quotes are split by a faster path than rows with quotes. Both paths give what was written.</summary>
public sealed class CsvRowsTests : IDisposable
{
    private static readonly string[] letters = ["a", "B7", "é", "漢字", "😀", "-", ";", "'", "\\", "#"];
    private static readonly string[] blanks = [" ", "\t", "\u00a0", "\u3000", "  "];
    private static readonly string[] ends = ["\n", "\r", "\r\n"];

    private readonly string path = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());

    public void Dispose() => File.Delete(path);

    /// <summary>A last column between quotes sends the same row through the state machine.</summary>
    [Fact]
    public void TheFastPath_GivesWhatTheStateMachineGives()
    {
        var random = new Random(1);
        string[] pieces = [.. letters, .. blanks, ",", ",", ",", ",,", ""];
        string[] rows = [.. Enumerable.Range(0, 10_000).Select(_ => string.Concat(Drawn(random, pieces, random.Next(1, 12))))];
        // A line of blanks is skipped on the fast path, so both files leave it out.
        rows = [.. rows.Where(row => !string.IsNullOrWhiteSpace(row))];
        Assert.True(rows.Length > 9000);
        var fast = Read(string.Join('\n', rows));
        var slow = Read(string.Join('\n', rows.Select(row => $"{row},\"\"")));
        Assert.Equal(slow.Select(row => row.Line), fast.Select(row => row.Line));
        Assert.Equal(slow.Select(row => row.Fields[..^1]), fast.Select(row => row.Fields));
        Assert.Equal(rows.Select(row => row.Split(',').Select(field => field.Trim())), fast.Select(row => row.Fields));
    }

    /// <summary>Every field comes back without the blanks around it, but with those between its quotes, and with the line in which its row
    /// began.</summary>
    [Theory]
    [InlineData(1), InlineData(2), InlineData(3), InlineData(4)]
    public void DrawnFields_ComeBack(int seed)
    {
        var random = new Random(seed);
        var (text, line, expected) = (new StringBuilder(), 1, new List<(int, string[])>());
        for (var row = 0; row < 3000; row++)
        {
            if (random.Next(5) == 0)
            {
                text.Append(random.Next(2) == 0 ? "" : blanks[random.Next(blanks.Length)]);
                End();
            }
            // About half of the rows have no quote.
            var (start, quotes, fields) = (line, random.Next(2) == 0, new string[random.Next(1, 6)]);
            for (var i = 0; i < fields.Length; i++)
            {
                var isQuoted = quotes && random.Next(2) == 0 || fields.Length == 1;     // a row of one empty field is an empty line
                string[] pieces = isQuoted ? [.. letters, .. blanks, .. ends, ",", "\""] : letters;
                var written = string.Concat(Drawn(random, pieces, random.Next(0, 5)));
                // Within a field, every line ending is read as \n.
                fields[i] = written.ReplaceLineEndings("\n");
                line += written.ReplaceLineEndings("\n").Count(character => character == '\n');
                if (isQuoted) written = $"\"{written.Replace("\"", "\"\"", StringComparison.Ordinal)}\"";
                text.Append(i > 0 ? "," : "").Append(Blank()).Append(written).Append(Blank());
            }
            expected.Add((start, fields));
            End();
        }
        var found = Read(text.ToString());
        Assert.Equal(expected.Select(row => row.Item1), found.Select(row => row.Line));
        Assert.Equal(expected.Select(row => row.Item2), found.Select(row => row.Fields));

        string Blank() => random.Next(3) == 0 ? blanks[random.Next(blanks.Length)] : "";

        void End()
        {
            // A \n directly after a \r would belong to the same line ending.
            var end = ends[random.Next(ends.Length)];
            text.Append(end == "\n" && text.Length > 0 && text[^1] == '\r' ? "\r\n" : end);
            line++;
        }
    }

    [Theory]
    [InlineData("a,\"b\"c\n", 1)]
    [InlineData("a,b\n\n\"c\nd,e\n", 3)]
    public void ARowThatDoesNotParse_IsNamedByItsFirstLine(string text, int line) => Assert.Contains($"line {line} does not parse",
        Assert.Throws<InvalidDataException>(() => Read(text)).Message, StringComparison.Ordinal);

    /// <summary>Both paths take the same number of columns at most.</summary>
    [Fact]
    public void TooManyColumns_AreRefusedOnBothPaths()
    {
        var most = new string(',', (1 << 12) - 1);
        Assert.Equal(1 << 12, Read($"a{most}")[0].Fields.Length);
        Assert.Equal(1 << 12, Read($"\"a\"{most}")[0].Fields.Length);
        Assert.Throws<InvalidDataException>(() => Read($"a{most},"));
        Assert.Throws<InvalidDataException>(() => Read($"\"a\"{most},"));
    }

    private static IEnumerable<string> Drawn(Random random, string[] pieces, int count) =>
        Enumerable.Range(0, count).Select(_ => pieces[random.Next(pieces.Length)]);

    private List<(int Line, string[] Fields)> Read(string text)
    {
        File.WriteAllText(path, text);
        return [.. CsvRows.Read(path)];
    }
}
