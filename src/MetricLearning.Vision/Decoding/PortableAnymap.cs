namespace MetricLearning.Vision;

/// <summary>Decodes the binary portable gray map (P5) and pixel map (P6). Some datasets of faces use them, and Skia does not read
/// them.</summary>
internal static class PortableAnymap
{
    public static bool Is(ReadOnlySpan<byte> bytes) =>
        bytes.Length > 2 && bytes[0] == 'P' && bytes[1] is (byte)'5' or (byte)'6' && IsSpace(bytes[2]);

    /// <summary>Decodes a file. Returns what is wrong with it; null if nothing is.</summary>
    public static string? Decode(ReadOnlySpan<byte> bytes, Picture picture)
    {
        var channels = bytes[1] == '6' ? 3 : 1;
        var at = 2;
        if (!Number(bytes, ref at, out var width) || !Number(bytes, ref at, out var height) || !Number(bytes, ref at, out var most))
            return "the header of the portable anymap is broken";
        if (ImageDecoder.FaultOfSize(width, height, picture) is { } fault) return fault;
        if (most is < 1 or > 65535) return $"a portable anymap's brightest value must be in 1 ... 65535, got {most}";
        at++; // exactly one white space before the values
        var size = most > 255 ? 2 : 1;
        if (bytes.Length - at < (long)width * height * channels * size) return "the file ends before the image does";
        var pixels = picture.Replace(width, height, out _);
        for (var i = 0; i < pixels.Length; i += Picture.BytesPerPixel)
        {
            for (var channel = 0; channel < 3; channel++)
            {
                var place = at + (channels == 3 ? channel : 0) * size;
                var value = size == 1 ? bytes[place] : bytes[place] << 8 | bytes[place + 1];
                pixels[i + channel] = (byte)((Math.Min(value, most) * 255 + most / 2) / most);
            }
            at += channels * size;
        }
        return null;
    }

    private static bool IsSpace(byte value) => value is (byte)' ' or (byte)'\t' or (byte)'\r' or (byte)'\n' or 11 or 12;

    private static bool Number(ReadOnlySpan<byte> bytes, ref int at, out int value)
    {
        value = 0;
        for (; at < bytes.Length && (IsSpace(bytes[at]) || bytes[at] == '#'); at++)
            if (bytes[at] == '#')
                while (at + 1 < bytes.Length && bytes[at] != '\n') at++;
        var start = at;
        for (; at < bytes.Length && bytes[at] is >= (byte)'0' and <= (byte)'9' && value < 100_000_000; at++)
            value = value * 10 + (bytes[at] - '0');
        return at > start && at < bytes.Length && IsSpace(bytes[at]);
    }
}
