using System.Text;

namespace MetricLearning.Vision;

/// <summary>Reads the lines of a UTF-8 file.</summary>
internal static class TextLines
{
    private static readonly UTF8Encoding strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>The lines with their numbers from 1.</summary>
    /// <exception cref="InvalidDataException">The file is not UTF-8: its names would be those of other files.</exception>
    public static IEnumerable<(int Number, string Line)> Read(string path)
    {
        using var reader = new StreamReader(path, strict);
        for (var number = 1; Next(number) is { } line; number++) yield return (number, line);

        string? Next(int number)
        {
            try
            {
                return reader.ReadLine();
            }
            catch (DecoderFallbackException e)
            {
                throw new InvalidDataException($"{path} is not UTF-8, at line {number} or a few after it.", e);
            }
        }
    }
}
