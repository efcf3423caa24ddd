using System.Text;

namespace MetricLearning;

/// <summary>Reads the lines of a UTF-8 file. The length of a line is limited, so that a file without line ends, which cannot be a list, is
/// not read whole.</summary>
internal static class TextLines
{
    private static readonly UTF8Encoding strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>The largest length of a line. The lines of a list have only a few names and numbers.</summary>
    private const int LongestLine = 1 << 20;

    /// <summary>Reads the whole text of a file.</summary>
    /// <exception cref="InvalidDataException">The file is not UTF-8.</exception>
    public static string All(string path)
    {
        try
        {
            return File.ReadAllText(path, strict);
        }
        catch (DecoderFallbackException e)
        {
            throw new InvalidDataException($"{path} is not UTF-8.", e);
        }
    }

    /// <summary>Reads the lines with their numbers, from 1.</summary>
    /// <exception cref="InvalidDataException">The file is not UTF-8, so its names would be read wrongly; or a line is too
    /// long.</exception>
    public static IEnumerable<(int Number, string Line)> Read(string path)
    {
        using var reader = new StreamReader(path, strict);
        var line = new StringBuilder();
        for (var number = 1; Next(number) is { } text; number++) yield return (number, text);

        string? Next(int number)
        {
            try
            {
                return Line(number);
            }
            catch (DecoderFallbackException e)
            {
                throw new InvalidDataException($"{path} is not UTF-8 at line {number} or a few lines later.", e);
            }
        }

        // This is StreamReader.ReadLine with a limit.
        string? Line(int number)
        {
            if (reader.Peek() < 0) return null;
            line.Clear();
            for (int next; (next = reader.Read()) >= 0;)
            {
                if (next == '\r' && reader.Peek() == '\n') continue;
                if (next is '\n' or '\r') break;
                if (line.Length == LongestLine) throw new InvalidDataException(
                    $"{path}, line {number} has more than {LongestLine} characters, so this is not a list of images.");
                line.Append((char)next);
            }
            return line.ToString();
        }
    }
}
