using MetricLearning.Vision;
using SkiaSharp;

namespace MetricLearning.Samples;

/// <summary>Images for pages.</summary>
internal static class Pictures
{
    /// <summary>A decoded image as a PNG file.</summary>
    public static byte[] Png(Picture picture)
    {
        var info = new SKImageInfo(picture.Width, picture.Height, SKColorType.Rgba8888, SKAlphaType.Opaque);
        using var image = SKImage.FromPixelCopy(info, picture.Pixels);
        using var data = image.Encode(SKEncodedImageFormat.Png, 100);
        return data.ToArray();
    }
}
