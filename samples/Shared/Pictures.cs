using MetricLearning.Vision;
using SkiaSharp;

namespace MetricLearning.Samples;

/// <summary>Converts images for pages.</summary>
internal static class Pictures
{
    /// <summary>The longest side of an image inside a page, in pixels: twice what the style shows, for sharp screens.</summary>
    private const int LongestShown = 320;

    /// <summary>A copy of a decoded image for Skia. The caller disposes it.</summary>
    public static SKImage Image(Picture picture) => SKImage.FromPixelCopy(
        new SKImageInfo(picture.Width, picture.Height, SKColorType.Rgba8888, SKAlphaType.Opaque), picture.Pixels);

    /// <summary>A decoded image as a PNG file.</summary>
    public static byte[] Png(Picture picture) => Encoded(picture, SKEncodedImageFormat.Png, 100);

    /// <summary>A decoded image as a JPEG file.</summary>
    public static byte[] Jpeg(Picture picture) => Encoded(picture, SKEncodedImageFormat.Jpeg, 90);

    /// <summary>Returns the image of a file as a data URI, for a page that needs no other file. A large image is reduced, because a page
    /// shows it small. Formats that not every browser shows become PNG.</summary>
    /// <exception cref="InvalidDataException">The file is not an image; the message names it.</exception>
    public static string Inline(string path)
    {
        var picture = Picture.Load(path);
        var longest = Math.Max(picture.Width, picture.Height);
        if (longest > LongestShown)
        {
            int Reduced(int side) => Math.Max(1, (int)Math.Round((double)side * LongestShown / longest));
            new Resize(Reduced(picture.Height), Reduced(picture.Width)).Apply(picture, new SeededRandom(0));
            return Uri("image/jpeg", Jpeg(picture));
        }
        var bytes = File.ReadAllBytes(path);
        return MediaType(bytes) is { } type ? Uri(type, bytes) : Inline(Png(picture));
    }

    /// <summary>Returns a PNG file as a data URI.</summary>
    public static string Inline(byte[] png) => Uri("image/png", png);

    private static string Uri(string type, byte[] bytes) => $"data:{type};base64,{Convert.ToBase64String(bytes)}";

    /// <summary>The type of an image that every browser shows, by the first bytes of its file; null for another one.</summary>
    private static string? MediaType(ReadOnlySpan<byte> bytes) => bytes switch
    {
        [0xFF, 0xD8, 0xFF, ..] => "image/jpeg",
        [0x89, (byte)'P', (byte)'N', (byte)'G', ..] => "image/png",
        [(byte)'G', (byte)'I', (byte)'F', (byte)'8', ..] => "image/gif",
        [(byte)'R', (byte)'I', (byte)'F', (byte)'F', ..] => "image/webp",
        _ => null,
    };

    private static byte[] Encoded(Picture picture, SKEncodedImageFormat format, int quality)
    {
        using var image = Image(picture);
        using var data = image.Encode(format, quality);
        return data.ToArray();
    }
}
