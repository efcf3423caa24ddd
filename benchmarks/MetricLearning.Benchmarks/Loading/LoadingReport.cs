using System.Diagnostics;
using System.Globalization;
using MetricLearning.Vision;
using static TorchSharp.torch;

namespace MetricLearning.Benchmarks;

/// <summary>Measures how fast images are loaded, and whether a training step waits for them.</summary>
internal static class LoadingReport
{
    private const int BatchSize = 64, Rounds = 5;

    public static int Run()
    {
        var cores = Environment.ProcessorCount;
        Measure("person pictures: 64 x 128 to 128 x 256", 768, (64, 128), ImageTransform.ForTraining(), cores);
        Measure("photographs: 500 x 375 to 224 x 224", 192, (500, 375), ImageTransform.ForTraining(224, 224), cores);
        return 0;
    }

    private static void Measure(string what, int count, (int Width, int Height) size, ImageTransform transform, int cores)
    {
        using var pictures = new DrawnPictures(count, size.Width, size.Height);
        (string Name, Func<double> Run)[] ways =
        [
            ("plain loop", () => Time(() => PlainLoop(pictures.Images, transform))),
            ("loader, 1 worker", () => Time(() => Exhaust(Loader(pictures, transform, 1)))),
            ($"loader, {cores} workers", () => Time(() => Exhaust(Loader(pictures, transform, cores)))),
            ($"loader, {cores} workers, last steps on batches", () => Time(
                () => Exhaust(Loader(pictures, transform, cores, onBatches: true)))),
            ($"loader, {cores} workers, from its cache", Cached(pictures, transform, cores)),
            ($"loader, {cores} workers, cache and batches", Cached(pictures, transform, cores, onBatches: true)),
        ];
        var seconds = ways.ToDictionary(way => way.Name, _ => new List<double>());
        for (var round = 0; round <= Rounds; round++)
            foreach (var (name, run) in ways)
                if (run() is var time && round > 0) seconds[name].Add(time);     // the first round warms up
        var loop = Median(seconds["plain loop"]);
        Line($"{what}, JPEG of {pictures.Bytes / 1024:0.0} KiB, training augmentation, {count} pictures, {cores} cores");
        Line($"  {"",-44}{"images/s",10}{"a core",10}{"times the loop",16}");
        foreach (var (name, times) in seconds)
        {
            var time = Median(times);
            var used = name == "plain loop" || name.Contains("1 worker", StringComparison.Ordinal) ? 1 : cores;
            Line($"  {name,-44}{count / time,10:N0}{count / time / used,10:N0}{loop / time,16:0.00}");
        }
        var (single, batch) = Steps(transform);
        Line($"  {string.Join(", ", transform.BatchSteps.Select(step => step.GetType().Name))} of {BatchSize} pictures:");
        Line($"    one by one {1000 * single:0.0} ms, on the batch {1000 * batch:0.0} ms ({batch / single:0.00} times)");
        // Decoding keeps one core busy. A step that takes longer than the decoding finds its batch ready.
        var decoding = Median(seconds["loader, 1 worker"]) / count * BatchSize;
        foreach (var share in new[] { 1.1, 1.5, 2 })
        {
            var (waited, longest) = Waiting(pictures, transform, TimeSpan.FromSeconds(share * decoding));
            Line($"  step of {share:0.0} x the decoding of a batch by 1 worker, {1000 * decoding:0} ms:");
            Line($"    waits {100 * waited:0.0} % of the time, {1000 * longest:0} ms at most");
        }
        var (alone, beside) = Busy(pictures, transform, cores);
        Line($"  step of libtorch on all cores: {1000 * alone:0} ms alone, {1000 * beside:0} ms beside {cores} workers;");
        Line($"    one after the other {1000 * (alone + decoding / cores):0} ms");
    }

    private static double Time(Action action)
    {
        var watch = Stopwatch.StartNew();
        action();
        return watch.Elapsed.TotalSeconds;
    }

    private static ImageLoader Loader(DrawnPictures pictures, ImageTransform transform, int workers, bool onBatches = false) =>
        new(pictures.Images, transform) { Workers = workers, OnBatches = onBatches };

    private static void Exhaust(ImageLoader loader)
    {
        foreach (var batch in loader.Batches(BatchSize)) batch.Dispose();
    }

    private static Func<double> Cached(DrawnPictures pictures, ImageTransform transform, int workers, bool onBatches = false)
    {
        var loader = new ImageLoader(pictures.Images, transform) { Workers = workers, OnBatches = onBatches, CacheBytes = 1L << 30 };
        return () => Time(() => Exhaust(loader));
    }

    /// <summary>The usual code without a loader: it reads each image by itself, and stacks the batch at the end.</summary>
    private static void PlainLoop(ImageList images, ImageTransform transform)
    {
        foreach (var chunk in images.Chunk(BatchSize))
        {
            using var scope = NewDisposeScope();
            cat([.. chunk.Select(image => transform.Read(image.Path))]);
        }
    }

    /// <summary>Measures the seconds of all steps except the first, for images in memory: image by image on one thread, and on the whole
    /// batch with libtorch's threads.</summary>
    private static (double Single, double Batch) Steps(ImageTransform transform)
    {
        using var pictures = randint(0, 256, [BatchSize, 3, transform.Height, transform.Width], ScalarType.Byte);
        return (Fastest(() => transform.Apply(pictures)), Fastest(() => transform.ApplyToBatch(pictures,
            [.. Enumerable.Range(0, BatchSize).Select(i => SeededRandom.ForStream(0, 0, (ulong)i))])));

        static double Fastest(Func<Tensor> way) => Enumerable.Range(0, 10).Min(_ => Time(() => way().Dispose()));
    }

    /// <summary>Measures how long a consumer waits. Its step takes the given time and needs no core, as on a GPU. The result is the share
    /// of the time and the longest wait in seconds, over three consecutive epochs.</summary>
    private static (double Share, double Longest) Waiting(DrawnPictures pictures, ImageTransform transform, TimeSpan step)
    {
        var images = new ImageList(Enumerable.Repeat(pictures.Images, 3).SelectMany(image => image));
        using var batches = new ImageLoader(images, transform) { Workers = 1 }.Batches(BatchSize).GetEnumerator();
        batches.MoveNext();                 // every consumer must wait for the first batch
        var (waited, longest, watch) = (0.0, 0.0, Stopwatch.StartNew());
        while (true)
        {
            batches.Current.Dispose();
            Thread.Sleep(step);
            var before = watch.Elapsed;
            if (!batches.MoveNext()) return (waited / watch.Elapsed.TotalSeconds, longest);
            var wait = (watch.Elapsed - before).TotalSeconds;
            (waited, longest) = (waited + wait, Math.Max(longest, wait));
        }
    }

    /// <summary>Measures the seconds of a step of matrix products on all cores, without images and with one batch of images per
    /// step.</summary>
    private static (double Alone, double Beside) Busy(DrawnPictures pictures, ImageTransform transform, int cores)
    {
        using var x = randn(1024, 1024);
        var steps = pictures.Images.Count / BatchSize;
        Time(Step);
        var alone = Time(() => Enumerable.Range(0, steps).ToList().ForEach(_ => Step())) / steps;
        return (alone, Time(() =>
        {
            foreach (var batch in Loader(pictures, transform, cores).Batches(BatchSize))
                using (batch) Step();
        }) / steps);

        void Step()
        {
            for (var i = 0; i < 10; i++) x.mm(x).Dispose();
        }
    }

    private static double Median(List<double> values)
    {
        var sorted = values.Order().ToList();
        return sorted[sorted.Count / 2];
    }

    private static void Line(FormattableString text) => Console.WriteLine(text.ToString(CultureInfo.InvariantCulture));
}
