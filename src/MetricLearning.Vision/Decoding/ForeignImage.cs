namespace MetricLearning.Vision;

/// <summary>Recognizes image formats that are not supported, so that errors can name them.</summary>
internal static class ForeignImage
{
    /// <summary>The extensions of such files.</summary>
    public static IReadOnlySet<string> Extensions { get; } = new HashSet<string>(StringComparer.OrdinalIgnoreCase)
    {
        ".tif", ".tiff", ".heic", ".heif", ".avif", ".jxl", ".jp2", ".psd",
    };

    /// <summary>The name of a file's format; null if it is none of these formats.</summary>
    public static string? NameOf(ReadOnlySpan<byte> bytes) =>
        bytes.StartsWith("II*\0"u8) || bytes.StartsWith("MM\0*"u8) || bytes.StartsWith("II+\0"u8) || bytes.StartsWith("MM\0+"u8) ? "TIFF"
        : bytes.Length > 12 && bytes[4..].StartsWith("ftyp"u8)
            ? bytes[8..].StartsWith("avi"u8) ? "AVIF" : bytes[8..].StartsWith("hei"u8) || bytes[8..].StartsWith("mif1"u8) ? "HEIF" : null
        : bytes.StartsWith((ReadOnlySpan<byte>)[0xFF, 0x0A]) || bytes.StartsWith("\0\0\0\u000cJXL "u8) ? "JPEG XL"
        : bytes.StartsWith("\0\0\0\u000cjP  "u8) || bytes.StartsWith((ReadOnlySpan<byte>)[0xFF, 0x4F, 0xFF, 0x51]) ? "JPEG 2000"
        : bytes.StartsWith("8BPS"u8) ? "Photoshop"
        : bytes.StartsWith("P7\n"u8) ? "PAM" : null;
}
