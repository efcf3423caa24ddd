namespace MetricLearning.Vision;

/// <summary>Cuts out a rectangle; what lies outside of the picture is black.</summary>
internal static class Crop
{
    public static void Apply(Picture picture, int top, int left, int height, int width)
    {
        var (oldWidth, oldHeight) = (picture.Width, picture.Height);
        var target = picture.Replace(width, height, out var source);
        if (top < 0 || left < 0 || top + height > oldHeight || left + width > oldWidth) target.Clear();
        var kept = Math.Min(width, oldWidth - left) - Math.Max(-left, 0);
        if (kept <= 0) return;
        for (var y = Math.Max(-top, 0); y < Math.Min(height, oldHeight - top); y++)
        {
            var from = ((y + top) * oldWidth + Math.Max(left, 0)) * Picture.BytesPerPixel;
            var to = (y * width + Math.Max(-left, 0)) * Picture.BytesPerPixel;
            source.Slice(from, kept * Picture.BytesPerPixel).CopyTo(target[to..]);
        }
    }
}
