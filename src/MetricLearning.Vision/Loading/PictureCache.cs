using System.Collections.Concurrent;

namespace MetricLearning.Vision;

/// <summary>Pictures as they are before the first random step, up to a number of bytes. What is in stays in: epochs come round and round,
/// so that throwing out the oldest would always throw out the next one.</summary>
internal sealed class PictureCache(long budget)
{
    private readonly ConcurrentDictionary<int, (int Width, int Height, byte[] Pixels)> pictures = new();
    private long used;

    public bool TryGet(int index, Picture picture)
    {
        if (!pictures.TryGetValue(index, out var found)) return false;
        found.Pixels.CopyTo(picture.Replace(found.Width, found.Height, out _));
        return true;
    }

    public void Offer(int index, Picture picture)
    {
        var bytes = picture.Pixels.Length;
        if (Interlocked.Add(ref used, bytes) > budget || !pictures.TryAdd(index, (picture.Width, picture.Height, picture.Pixels.ToArray())))
            Interlocked.Add(ref used, -bytes);
    }
}
