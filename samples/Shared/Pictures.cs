using MetricLearning.Vision;
using SkiaSharp;

namespace MetricLearning.Samples;

/// <summary>Converts images for pages.</summary>
internal static class Pictures
{
    /// <summary>A copy of a decoded image for Skia. The caller disposes it.</summary>
    public static SKImage Image(Picture picture) => SKImage.FromPixelCopy(
        new SKImageInfo(picture.Width, picture.Height, SKColorType.Rgba8888, SKAlphaType.Opaque), picture.Pixels);

    /// <summary>A decoded image as a PNG file.</summary>
    public static byte[] Png(Picture picture) => Encoded(picture, SKEncodedImageFormat.Png, 100);

    /// <summary>A decoded image as a JPEG file.</summary>
    public static byte[] Jpeg(Picture picture) => Encoded(picture, SKEncodedImageFormat.Jpeg, 90);

    private static byte[] Encoded(Picture picture, SKEncodedImageFormat format, int quality)
    {
        using var image = Image(picture);
        using var data = image.Encode(format, quality);
        return data.ToArray();
    }
}
