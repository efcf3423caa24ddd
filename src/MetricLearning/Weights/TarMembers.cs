using System.Text;

namespace MetricLearning;

/// <summary>The members of a tar archive.</summary>
internal static class TarMembers
{
    /// <summary>The size of a block; a header is one.</summary>
    public const int BlockSize = 512;

    private const int SizeField = 124;
    private const int SizeLength = 12;
    private const int ChecksumField = 148;
    private const int ChecksumLength = 8;
    private const int KindField = 156;
    private const int NameLength = 100;

    /// <summary>Whether a file with these first bytes is a tar archive: the sum of the header's bytes must be the stored
    /// checksum.</summary>
    public static bool Is(ReadOnlySpan<byte> header)
    {
        if (header.Length < BlockSize || header[0] == 0 || Octal(header.Slice(ChecksumField, ChecksumLength)) is not { } said) return false;
        long sum = 0;
        for (var i = 0; i < BlockSize; i++)
            sum += i is >= ChecksumField and < ChecksumField + ChecksumLength ? ' ' : header[i];     // counted as if it were blank
        return sum == said;
    }

    /// <summary>The position of the bytes of each file in the archive, by name.</summary>
    public static IReadOnlyDictionary<string, long> Of(Stream stream)
    {
        var places = new Dictionary<string, long>(StringComparer.Ordinal);
        Span<byte> header = stackalloc byte[BlockSize];
        stream.Position = 0;
        while (stream.ReadAtLeast(header, BlockSize, throwOnEndOfStream: false) == BlockSize && Is(header)
            && Octal(header.Slice(SizeField, SizeLength)) is { } size && size <= stream.Length - stream.Position)
        {
            // Plain files have the kind 0; other kinds say more of the file that follows them.
            if (header[KindField] is 0 or (byte)'0') places.TryAdd(Text(header[..NameLength]), stream.Position);
            stream.Position = Math.Min(stream.Length, stream.Position + (size + BlockSize - 1) / BlockSize * BlockSize);
        }
        return places;
    }

    private static string Text(ReadOnlySpan<byte> field) =>
        Encoding.Latin1.GetString(field.IndexOf((byte)0) is var end and >= 0 ? field[..end] : field);

    private static long? Octal(ReadOnlySpan<byte> field)
    {
        long number = 0;
        var digits = Text(field).Trim(' ');
        foreach (var digit in digits)
        {
            if (digit is < '0' or > '7') return null;
            number = number * 8 + (digit - '0');
        }
        return digits.Length == 0 ? null : number;
    }
}
