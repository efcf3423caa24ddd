namespace MetricLearning.Vision;

/// <summary>Decodes portable bitmaps, gray maps and pixel maps, plain (P1, P2, P3) and binary (P4, P5, P6). Some datasets use them, and
/// Skia does not read them. Values are scaled as in Pillow.</summary>
internal static class PortableAnymap
{
    private const byte Bitmap = 1, Pixmap = 3;

    public static bool Is(ReadOnlySpan<byte> bytes) =>
        bytes.Length > 2 && bytes[0] == 'P' && bytes[1] is >= (byte)'1' and <= (byte)'6' && IsSpace(bytes[2]);

    /// <summary>Decodes a file. Returns what is wrong with it; null if nothing is.</summary>
    public static ImageFault? Decode(ReadOnlySpan<byte> bytes, Picture picture)
    {
        var number = bytes[1] - '0';
        var (kind, isPlain) = ((number - 1) % 3 + 1, number <= 3);
        var (at, most) = (2, 1);
        if (!Number(bytes, ref at, out var width) || !Number(bytes, ref at, out var height)
            || (kind != Bitmap && !Number(bytes, ref at, out most)))
            return "the header of the portable anymap is not valid";
        if (ImageDecoder.FaultOfSize(width, height, picture) is { } fault) return fault;
        if (most is < 1 or > 65535) return $"a portable anymap's brightest value must be in 1 ... 65535, got {most}";
        at++; // exactly one white space precedes the values
        var channels = kind == Pixmap ? 3 : 1;
        return (isPlain, kind) switch
        {
            (true, Bitmap) => PlainBits(bytes, at, width, height, picture),
            (false, Bitmap) => Bits(bytes, at, width, height, picture),
            (true, _) => Plain(bytes, at, width, height, channels, most, picture),
            _ => Binary(bytes, at, width, height, channels, most, picture),
        };
    }

    private static string? Binary(ReadOnlySpan<byte> bytes, int at, int width, int height, int channels, int most, Picture picture)
    {
        var size = most > 255 ? 2 : 1;
        if (bytes.Length - at < (long)width * height * channels * size) return "the file ends before the image does";
        var pixels = picture.Replace(width, height, out _);
        var values = Table(most);
        for (var i = 0; i < pixels.Length; i += Picture.BytesPerPixel)
        {
            for (var channel = 0; channel < 3; channel++)
            {
                var place = at + (channels == 3 ? channel : 0) * size;
                var value = size == 1 ? bytes[place] : bytes[place] << 8 | bytes[place + 1];
                pixels[i + channel] = values[Math.Min(value, most)];
            }
            at += channels * size;
        }
        return null;
    }

    private static string? Plain(ReadOnlySpan<byte> bytes, int at, int width, int height, int channels, int most, Picture picture)
    {
        // Each value takes at least a digit and a blank.
        if (2L * width * height * channels - 1 > bytes.Length - at) return "the file ends before the image does";
        var pixels = picture.Replace(width, height, out _);
        var values = Table(most);
        Span<byte> own = stackalloc byte[3];
        for (var i = 0; i < pixels.Length; i += Picture.BytesPerPixel)
        {
            for (var channel = 0; channel < channels; channel++)
            {
                if (!Number(bytes, ref at, out var value, mayEnd: true))
                    return at >= bytes.Length ? "the file ends before the image does" : "a value of the anymap is not a whole number";
                if (value > most) return $"a value of the portable anymap must be in 0 ... {most}, got {value}";
                own[channel] = values[value];
            }
            for (var channel = 0; channel < 3; channel++) pixels[i + channel] = own[channels == 3 ? channel : 0];
        }
        return null;
    }

    /// <summary>Reads digits, 1 for black, with or without blanks between them.</summary>
    private static string? PlainBits(ReadOnlySpan<byte> bytes, int at, int width, int height, Picture picture)
    {
        if ((long)width * height > bytes.Length - at) return "the file ends before the image does";
        var pixels = picture.Replace(width, height, out _);
        for (var i = 0; i < pixels.Length; i += Picture.BytesPerPixel)
        {
            SkipBlanks(bytes, ref at);
            if (at >= bytes.Length) return "the file ends before the image does";
            if (bytes[at] is not ((byte)'0' or (byte)'1')) return "a value of the portable bitmap is neither 0 nor 1";
            pixels.Slice(i, 3).Fill((byte)(bytes[at++] == '1' ? 0 : 255));
        }
        return null;
    }

    /// <summary>Reads rows of whole bytes, the highest bit first, 1 for black.</summary>
    private static string? Bits(ReadOnlySpan<byte> bytes, int at, int width, int height, Picture picture)
    {
        var stride = (width + 7) / 8;
        if (bytes.Length - at < (long)stride * height) return "the file ends before the image does";
        var pixels = picture.Replace(width, height, out _);
        for (var y = 0; y < height; y++)
            for (var x = 0; x < width; x++)
            {
                var isBlack = (bytes[at + y * stride + x / 8] >> (7 - x % 8) & 1) == 1;
                pixels.Slice((y * width + x) * Picture.BytesPerPixel, 3).Fill((byte)(isBlack ? 0 : 255));
            }
        return null;
    }

    /// <summary>The 8-bit value of each value.</summary>
    private static byte[] Table(int most)
    {
        var values = new byte[most + 1];
        for (var i = 0; i < values.Length; i++) values[i] = (byte)Math.Min(Math.Round((double)i / most * 255), 255);
        return values;
    }

    private static bool IsSpace(byte value) => value is (byte)' ' or (byte)'\t' or (byte)'\r' or (byte)'\n' or 11 or 12;

    /// <summary>Skips white space and comments.</summary>
    private static void SkipBlanks(ReadOnlySpan<byte> bytes, ref int at)
    {
        for (; at < bytes.Length && (IsSpace(bytes[at]) || bytes[at] == '#'); at++)
            if (bytes[at] == '#')
                while (at + 1 < bytes.Length && bytes[at] != '\n') at++;
    }

    private static bool Number(ReadOnlySpan<byte> bytes, ref int at, out int value, bool mayEnd = false)
    {
        value = 0;
        SkipBlanks(bytes, ref at);
        var start = at;
        for (; at < bytes.Length && bytes[at] is >= (byte)'0' and <= (byte)'9' && value < 100_000_000; at++)
            value = value * 10 + (bytes[at] - '0');
        return at > start && (at < bytes.Length ? IsSpace(bytes[at]) : mayEnd);
    }
}
