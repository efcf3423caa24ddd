using System.Collections.Concurrent;

namespace MetricLearning.Vision.Tests;

/// <summary>A folder of drawn images for the tests of the loader.</summary>
public sealed class TestSet : IDisposable
{
    public const int Height = 24, Width = 12;

    public TempFolder Folder { get; } = new();

    /// <summary>Draws images whose identities are 10, 20, 30, … in turn.</summary>
    public ImageList Draw(int count, int identities = 3) => new(Enumerable.Range(0, count)
        .Select(i => (Path: Folder.Draw($"{i:000}.{(i % 2 == 0 ? "jpg" : "png")}", i), i))
        .Select(p => new ImageSample(p.Path, p.i % identities * 10 + 10, p.i % 4 + 1)).ToArray());

    public void Dispose() => Folder.Dispose();

    /// <summary>Draws another order in each epoch, with <paramref name="copies"/> of each image.</summary>
    public sealed class Shuffle(int count, int batchSize, ulong seed = 1, int copies = 1) : Sampler(batchSize, seed)
    {
        public override long[] Draw(int epoch)
        {
            var indices = Enumerable.Range(0, count * copies).Select(i => (long)(i % count)).ToArray();
            SeededRandom.ForStream(Seed, (ulong)epoch).Shuffle<long>(indices);
            return indices;
        }
    }

    /// <summary>A step that notes the threads on which it runs, and then calls the test's action.</summary>
    public sealed class Probe(Action? action = null) : PixelStep
    {
        public ConcurrentBag<Thread> Threads { get; } = [];

        public override void Apply(Picture picture, SeededRandom random)
        {
            Threads.Add(Thread.CurrentThread);
            action?.Invoke();
        }
    }

    public static ImageTransform With(PixelStep step) => new(new Resize(Height, Width), step, new Normalize());
}
