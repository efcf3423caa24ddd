using MetricLearning.Testing;
using static TorchSharp.torch;

namespace MetricLearning.Vision.Tests;

/// <summary>Tests that steps on whole batches give the same bits as the steps image by image.</summary>
[LeavesNoTensors]
public sealed class BatchStepTests : IDisposable
{
    private const int Height = 24, Width = 18, Count = 40;

    private readonly TestSet set = new();

    public static TheoryData<string> Steps => [.. steps.Keys];

    private static readonly Dictionary<string, Func<ImageList, ImageStep[]>> steps = new()
    {
        ["nothing"] = _ => [],
        ["flip"] = _ => [new HorizontalFlip()],
        ["always flip"] = _ => [new HorizontalFlip(1)],
        ["never flip"] = _ => [new HorizontalFlip(0)],
        ["pad and crop"] = _ => [new PadAndCrop(5)],
        ["pad by more than the image"] = _ => [new PadAndCrop(40)],
        ["random crop"] = _ => [new RandomCrop(13, 11)],
        ["random crop of more than the image"] = _ => [new RandomCrop(30, 11)],
        ["center crop after a random step"] = _ => [new HorizontalFlip(), new CenterCrop(13, 30)],
        ["gray"] = _ => [new RandomGrayscale(0.5)],
        ["always gray after a random step"] = _ => [new HorizontalFlip(), new RandomGrayscale(1)],
        ["brightness"] = _ => [new ColorJitter(brightness: 0.8)],
        ["contrast"] = _ => [new ColorJitter(contrast: 0.8)],
        ["saturation"] = _ => [new ColorJitter(saturation: 1.5)],
        ["brightness, contrast and saturation in any order"] = _ => [new ColorJitter(0.4, 0.4, 0.4)],
        ["jitter by chance"] = _ => [new RandomApply(new ColorJitter(0.4, 0.4, 0.4))],
        ["patch"] = images => [new RandomPatch(images, Height, Width, poolSize: 20)],
        ["erase"] = _ => [new RandomErasing()],
        ["erase before normalizing"] = _ => [new RandomErasing(0.7, fill: [0, 1, 0.3f], order: ErasingOrder.BeforeNormalization)],
        ["all"] = images =>
        [
            new HorizontalFlip(), new PadAndCrop(3), new RandomApply(new ColorJitter(0.2, 0.15, 0.1)), new RandomGrayscale(),
            new RandomPatch(images, Height, Width, poolSize: 20), new RandomErasing(),
        ],
    };

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => set.Dispose();

    [Theory]
    [MemberData(nameof(Steps))]
    public void Step_IsTheSameOnBatches(string name)
    {
        var made = steps[name](set.Draw(6));
        foreach (var normalize in new[] { new Normalize(), Normalize.Gray() })
        {
            var transform = new ImageTransform(
                [new Resize(Height, Width), .. made.OfType<PixelStep>(), normalize, .. made.OfType<PlaneStep>()]);
            Assert.Equal(transform.Steps.Skip(1), transform.BatchSteps);
            Assert.Equal((Height, Width), transform.BatchInput);
            using var pictures = Pictures();
            using var before = pictures.clone();
            using var single = transform.Apply(pictures, seed: 3, epoch: 2);
            using var batch = transform.ApplyToBatch(pictures, Streams(3, 2));
            Assert.Equal([Count, normalize.Channels, transform.Height, transform.Width], batch.shape);
            Assert.True(batch.is_contiguous());
            Assert.Equal(single.bytes, batch.bytes);
            Assert.Equal(before.bytes, pictures.bytes);
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(4)]
    public void Loader_GivesTheSameBatches(int workers)
    {
        var images = set.Draw(11);
        // Rotation works on single images, so the steps before it run on the workers.
        var transform = new ImageTransform(new Resize(Height, Width), new HorizontalFlip(), new RandomRotation(10), new PadAndCrop(3),
            new RandomApply(new ColorJitter(0.2, 0.2, 0.2)), new Normalize(), new RandomErasing());
        Assert.Equal(transform.Steps.Skip(3), transform.BatchSteps);
        Assert.Equal(Batches(new ImageLoader(images, transform) { Seed = 4 }),
            Batches(new ImageLoader(images, transform) { Seed = 4, Workers = workers, OnBatches = true, CacheBytes = 1 << 20 }));

        static List<float> Batches(ImageLoader loader)
        {
            var sampler = new TestSet.Shuffle(11, 4, copies: 2);
            var values = new List<float>();
            for (var epoch = 0; epoch < 2; epoch++)
                foreach (var batch in loader.Batches(sampler, Cancel))
                    using (batch) values.AddRange(batch.Images.data<float>());
            return values;
        }
    }

    [Fact]
    public void Loader_LeavesOutBrokenPictures()
    {
        var good = set.Draw(5);
        var broken = Path.Combine(set.Folder.Path, "002b.jpg");
        File.WriteAllText(broken, "no image");
        var images = new ImageList([.. good, new ImageSample(broken, 10, 1)]);
        var transform = ImageTransform.ForTraining(Height, Width);
        Assert.Equal(Values(false), Values(true));

        List<float> Values(bool onBatches)
        {
            var loader = new ImageLoader(images, transform) { OnBatches = onBatches, BadImages = BadImages.Skip };
            var values = new List<float>();
            foreach (var batch in loader.Batches(6, Cancel))
                using (batch)
                {
                    Assert.Equal(5, batch.Count);
                    values.AddRange(batch.Images.data<float>());
                }
            Assert.Equal([broken], loader.Skipped.Select(bad => bad.Path));
            return values;
        }
    }

    [Fact]
    public void GrayBatches_HaveOneChannelOfBrightness()
    {
        var transform = new ImageTransform(new Resize(Height, Width), Normalize.Gray(0.5f, 0.25f));
        Assert.Equal(1, transform.Channels);
        using var pictures = Pictures();
        using var gray = transform.Apply(pictures);
        var (from, to) = (pictures.bytes.ToArray(), gray.data<float>().ToArray());
        for (var i = 0; i < Count * Height * Width; i++)
        {
            var at = i / (Height * Width) * 3 * Height * Width + i % (Height * Width);
            var luma = (19595 * from[at] + 38470 * from[at + Height * Width] + 7471 * from[at + 2 * Height * Width] + 32768) >> 16;
            Assert.Equal((luma / 255f - 0.5f) / 0.25f, to[i]);
        }
        var images = set.Draw(3);
        using var read = transform.Read(images[0].Path);
        Assert.Equal([1, 1, Height, Width], read.shape);
        foreach (var batch in new ImageLoader(images, transform).Batches(3, Cancel))
            using (batch)
            using (var first = batch.Images.narrow(0, 0, 1))
            {
                Assert.Equal([3, 1, Height, Width], batch.Images.shape);
                Assert.Equal(read.bytes, first.bytes);
            }
    }

    [Fact]
    public void GrayErasing_FillsWithTheBrightnessOfTheColor()
    {
        var transform = new ImageTransform(
            new Resize(Height, Width), Normalize.Gray(), new RandomErasing(1, fill: [0.25f, 0.5f, 1]));
        using var pictures = Pictures();
        using var erased = transform.Apply(pictures);
        Assert.Contains(0.299f * 0.25f + 0.587f * 0.5f + 0.114f * 1, erased.data<float>());
    }

    [Fact]
    public void BadArguments_AreNamed()
    {
        var transform = ImageTransform.ForTraining(Height, Width);
        using var pictures = Pictures();
        using var floats = pictures.to(ScalarType.Float32);
        Expect.Error<ArgumentException>($"images must be [N, 3, {Height}, {Width}] uint8, got [{Count}, 3, {Height}, {Width}] Float32.",
            () => transform.ApplyToBatch(floats, Streams(0, 0)));
        Expect.Error<ArgumentException>($"random must be one for each of {Count} images, got 1.",
            () => transform.ApplyToBatch(pictures, [new SeededRandom(0)]));
        var plain = new ImageTransform(new Resize(Height, Width), new Normalize(), new Own());
        Assert.Empty(plain.BatchSteps);
        Assert.Contains("works on single images only",
            Assert.Throws<InvalidOperationException>(() => plain.ApplyToBatch(pictures, Streams(0, 0))).Message, StringComparison.Ordinal);
        Assert.Equal("OnBatches",
            Assert.Throws<ArgumentException>(() => new ImageLoader(set.Draw(1), plain) { OnBatches = true }).ParamName);
        Assert.True(new ImageLoader(set.Draw(1), transform) { OnBatches = true }.OnBatches);
        // The hue can be shifted for single images only.
        Assert.False(new RandomApply(new ColorJitter(0.1, hue: 0.1)).WorksOnBatches);
        Expect.Error<ArgumentException>("mean must be three numbers (red, green, blue) or one (gray), got 2.", () => new Normalize([0, 0]));
        Expect.Error<ArgumentException>("std must have as many numbers as mean, 1, got 3.", () => new Normalize([0]));
    }

    private static Tensor Pictures()
    {
        using var random = new Generator(7);
        return randint(0, 256, [Count, 3, Height, Width], ScalarType.Byte, generator: random);
    }

    private static SeededRandom[] Streams(ulong seed, ulong epoch) =>
        [.. Enumerable.Range(0, Count).Select(i => SeededRandom.ForStream(seed, epoch, (ulong)i))];

    private sealed class Own : PlaneStep
    {
        public override void Apply(ImagePlanes planes, SeededRandom random) => planes.Values.Clear();
    }
}
