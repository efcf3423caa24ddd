using System.Globalization;
using System.IO.Compression;
using System.Text;
using System.Text.RegularExpressions;

namespace MetricLearning.Vision;

/// <summary>Reads the text chunks of PNG files, and an image's orientation from two of them.</summary>
internal static partial class PngText
{
    private const int MostBytes = 1 << 20;      // Pillow's limit

    /// <summary>The text of a chunk with this keyword; null if the chunk is not text, has another keyword, or is damaged.</summary>
    public static string? Of(ReadOnlySpan<byte> kind, ReadOnlySpan<byte> content, ReadOnlySpan<byte> keyword)
    {
        if (!content.StartsWith(keyword) || content.Length <= keyword.Length || content[keyword.Length] != 0) return null;
        var rest = content[(keyword.Length + 1)..];
        if (kind.SequenceEqual("tEXt"u8)) return Encoding.Latin1.GetString(rest);
        if (kind.SequenceEqual("zTXt"u8)) return rest is [0, .. var packed] ? Inflated(packed) : null;
        if (!kind.SequenceEqual("iTXt"u8) || rest is not [var isPacked, var method, .. var after] || method != 0) return null;
        // A language and a translated keyword follow; a zero ends each.
        for (var left = 2; left > 0; left--)
        {
            var end = after.IndexOf((byte)0);
            if (end < 0) return null;
            after = after[(end + 1)..];
        }
        return isPacked == 0 ? Encoding.UTF8.GetString(after) : Inflated(after);
    }

    /// <summary>The bytes of a profile that ImageMagick writes: three lines of header, then hexadecimal digits.</summary>
    public static byte[] Profile(string text)
    {
        var digits = string.Concat(text.Split('\n').Skip(3)).Replace(" ", "", StringComparison.Ordinal);
        try
        {
            return Convert.FromHexString(digits);
        }
        catch (FormatException)
        {
            return [];
        }
    }

    /// <summary>The orientation in an XMP text, 1 … 8; 1 if there is none.</summary>
    public static int Orientation(string xmp) =>
        InXmp().Match(xmp) is { Success: true } match
            && int.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture) is >= 1 and <= 8 and var turn ? turn : 1;

    private static string? Inflated(ReadOnlySpan<byte> packed)
    {
        using var source = new ZLibStream(new MemoryStream(packed.ToArray()), CompressionMode.Decompress);
        var bytes = new byte[MostBytes];
        try
        {
            return Encoding.Latin1.GetString(bytes.AsSpan(0, source.ReadAtLeast(bytes, MostBytes, throwOnEndOfStream: false)));
        }
        catch (InvalidDataException)
        {
            return null;
        }
    }

    [GeneratedRegex("tiff:Orientation(?:=\"|>)([0-9])", RegexOptions.CultureInvariant)]
    private static partial Regex InXmp();
}
