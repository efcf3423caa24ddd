using System.Collections.Concurrent;

namespace MetricLearning.Vision.Tests;

/// <summary>Drawn pictures in a folder, what the loader tests train on.</summary>
public sealed class TestSet : IDisposable
{
    public const int Height = 24, Width = 12;

    public TempFolder Folder { get; } = new();

    /// <summary>Pictures of identities 10, 20, 30, … by turns.</summary>
    public ImageList Draw(int count, int identities = 3) => new(Enumerable.Range(0, count)
        .Select(i => (Path: Folder.Draw($"{i:000}.{(i % 2 == 0 ? "jpg" : "png")}", i), i))
        .Select(p => new ImageSample(p.Path, p.i % identities * 10 + 10, p.i % 4 + 1)).ToArray());

    public void Dispose() => Folder.Dispose();

    /// <summary>Another order each epoch; <paramref name="copies"/> of each picture.</summary>
    public sealed class Shuffle(int count, int batchSize, ulong seed = 1, int copies = 1) : Sampler(batchSize, seed)
    {
        public override long[] Draw(int epoch)
        {
            var indices = Enumerable.Range(0, count * copies).Select(i => (long)(i % count)).ToArray();
            SeededRandom.ForStream(Seed, (ulong)epoch).Shuffle<long>(indices);
            return indices;
        }
    }

    /// <summary>Notes the threads that it runs on, and does what a test wants.</summary>
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
