using System.Runtime.InteropServices;
using SkiaSharp;

namespace MetricLearning.Vision;

/// <summary>Decodes JPEG, PNG, WebP, BMP and GIF (the first frame) through Skia, and PGM/PPM, to 8-bit RGB.</summary>
/// <remarks>
/// Gray, palette and CMYK pictures become RGB; of 16 bits a channel the upper 8 stay. Transparent pixels are composited over white. EXIF
/// orientation is applied. Color profiles are not: the numbers are those of the file, as Pillow gives them. A picture that ends early is
/// an error, never a gray rest.
/// </remarks>
public static class PictureDecoder
{
    /// <summary>A picture with more pixels than this is refused before memory is taken for it: 100 million.</summary>
    public const long MaxPixels = 100_000_000;

    /// <summary>Decodes a file into a picture.</summary>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    /// <exception cref="InvalidDataException">It is empty, no picture, broken, cut short, or too large. The message has the
    /// path.</exception>
    /// <exception cref="IOException">It could not be read.</exception>
    public static void Decode(string path, Picture picture)
    {
        ArgumentNullException.ThrowIfNull(path);
        ArgumentNullException.ThrowIfNull(picture);
        if (!File.Exists(path)) throw new FileNotFoundException($"{path}: there is no such file.", path);
        var bytes = File.ReadAllBytes(path);
        var fault = bytes.Length == 0 ? "the file is empty"
            : PortableAnymap.Is(bytes) ? PortableAnymap.Decode(bytes, picture)
            : DecodeBySkia(bytes, picture);
        if (fault is not null) throw new InvalidDataException($"{path}: {fault}.");
    }

    /// <summary>What is wrong with a size, or null.</summary>
    internal static string? FaultOfSize(long width, long height) =>
        width < 1 || height < 1 ? $"a size of {width}x{height} makes no picture"
        : width * height > MaxPixels ? $"{width}x{height} is more than the {MaxPixels:N0} pixels allowed" : null;

    private static unsafe string? DecodeBySkia(byte[] bytes, Picture picture)
    {
        using var data = SKData.CreateCopy(bytes);
        using var codec = SKCodec.Create(data);
        if (codec is null) return "not a picture of a known kind, or its header is broken";
        var (width, height) = (codec.Info.Width, codec.Info.Height);
        if (FaultOfSize(width, height) is { } fault) return fault;
        var opaque = codec.Info.AlphaType == SKAlphaType.Opaque;
        // Without a color space Skia converts none.
        var info = new SKImageInfo(width, height, SKColorType.Rgba8888, opaque ? SKAlphaType.Opaque : SKAlphaType.Unpremul, null);
        var pixels = picture.Replace(width, height, out _);
        SKCodecResult result;
        fixed (byte* target = pixels) result = codec.GetPixels(info, (nint)target);
        if (result != SKCodecResult.Success)
            return result == SKCodecResult.IncompleteInput ? "the file ends before the picture does" : $"could not be decoded ({result})";
        if (!opaque) CompositeOverWhite(pixels);
        Turn(picture, codec.EncodedOrigin);
        return null;
    }

    private static void CompositeOverWhite(Span<byte> pixels)
    {
        for (var i = 0; i < pixels.Length; i += Picture.BytesPerPixel)
        {
            int alpha = pixels[i + 3];
            if (alpha == 255) continue;
            for (var channel = i; channel < i + 3; channel++)
                pixels[channel] = (byte)((pixels[channel] * alpha + 255 * (255 - alpha) + 127) / 255);
        }
    }

    private static void Turn(Picture picture, SKEncodedOrigin origin)
    {
        if (origin is SKEncodedOrigin.TopLeft or SKEncodedOrigin.Default) return;
        var (width, height) = (picture.Width, picture.Height);
        var transpose = origin >= SKEncodedOrigin.LeftTop;
        var flipX = origin is SKEncodedOrigin.TopRight or SKEncodedOrigin.BottomRight
            or SKEncodedOrigin.RightBottom or SKEncodedOrigin.LeftBottom;
        var flipY = origin is SKEncodedOrigin.BottomRight or SKEncodedOrigin.BottomLeft
            or SKEncodedOrigin.RightTop or SKEncodedOrigin.RightBottom;
        var target = MemoryMarshal.Cast<byte, uint>(
            transpose ? picture.Replace(height, width, out var old) : picture.Replace(width, height, out old));
        var source = MemoryMarshal.Cast<byte, uint>(old);
        for (var y = 0; y < picture.Height; y++)
            for (var x = 0; x < picture.Width; x++)
            {
                var (column, row) = transpose ? (y, x) : (x, y);
                target[y * picture.Width + x] = source[(flipY ? height - 1 - row : row) * width + (flipX ? width - 1 - column : column)];
            }
    }
}
