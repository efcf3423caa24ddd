using static TorchSharp.torch;

namespace MetricLearning.Vision;

/// <summary>Cuts out a rectangle. What lies outside of the image is black.</summary>
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

    /// <summary>Cuts a rectangle out of each image of a batch.</summary>
    public static Tensor Apply(Tensor images, IReadOnlyList<(int Top, int Left)> places, int height, int width)
    {
        var (oldHeight, oldWidth) = ((int)images.size(2), (int)images.size(3));
        var result = zeros([images.size(0), images.size(1), height, width], images.dtype, images.device);
        for (var i = 0; i < places.Count; i++)
        {
            var (top, left) = places[i];
            var (y, x) = (Math.Max(top, 0), Math.Max(left, 0));
            var (tall, wide) = (Math.Min(top + height, oldHeight) - y, Math.Min(left + width, oldWidth) - x);
            if (tall <= 0 || wide <= 0) continue;
            BatchOperations.Part(result, i, y - top, x - left, tall, wide).copy_(BatchOperations.Part(images, i, y, x, tall, wide));
        }
        return result;
    }
}
