using System.Collections.Concurrent;

namespace MetricLearning.Vision;

/// <summary>Keeps decoded images, as they are before the first random step, up to a number of bytes. An image that is in the cache stays
/// there: every epoch visits all images, so a cache that dropped the oldest image would always drop the one that is needed next.</summary>
internal sealed class DecodedImageCache(long budget)
{
    private readonly ConcurrentDictionary<int, (int Width, int Height, byte[] Pixels)> images = new();
    private long used;

    /// <summary>Copies an image into <paramref name="picture"/>, if it is in the cache.</summary>
    public bool TryGet(int index, Picture picture)
    {
        if (!images.TryGetValue(index, out var found)) return false;
        found.Pixels.CopyTo(picture.Replace(found.Width, found.Height, out _));
        return true;
    }

    /// <summary>Keeps a copy of an image, if there is room for it.</summary>
    public void Offer(int index, Picture picture)
    {
        var bytes = picture.Pixels.Length;
        if (Interlocked.Add(ref used, bytes) > budget || !images.TryAdd(index, (picture.Width, picture.Height, picture.Pixels.ToArray())))
            Interlocked.Add(ref used, -bytes);
    }
}
