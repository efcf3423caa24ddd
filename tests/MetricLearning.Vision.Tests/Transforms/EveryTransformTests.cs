using MetricLearning.Testing;
using SkiaSharp;
using static TorchSharp.torch;

namespace MetricLearning.Vision.Tests;

[LeavesNoTensors]
public sealed class EveryTransformTests : IDisposable
{
    private readonly TestSet set = new();

    public void Dispose() => set.Dispose();

    [Fact]
    public void AllSteps_GiveTheSameBatches_WhateverTheNumberOfWorkers()
    {
        var images = set.Draw(12);
        var transform = All(images);
        var expected = Batches(1);
        Assert.Equal(expected, Batches(4));
        var next = Batches(4, epoch: 1);
        Assert.NotEqual(expected, next);

        string[] Batches(int workers, int epoch = 0)
        {
            var loader = new ImageLoader(images, transform) { Workers = workers, Seed = 5 };
            var sampler = new TestSet.Shuffle(12, 4) { State = new SamplerState(epoch, 0) };
            var result = new List<string>();
            foreach (var batch in loader.Batches(sampler))
                using (batch) result.Add(Convert.ToHexString(System.Security.Cryptography.SHA256.HashData(batch.Images.bytes)));
            return [.. result];
        }
    }

    [Fact]
    public void Batches_GoThroughTheSameSteps()
    {
        var transform = All(set.Draw(3));
        using var images = randint(0, 256, [3, 3, 30, 20], ScalarType.Byte);
        using var result = transform.Apply(images, seed: 9, epoch: 4);
        Assert.Equal([3, 3, TestSet.Height, TestSet.Width], result.shape);
        // Image 2 alone, saved without loss and read with the random numbers of its position, gives the same values.
        using var bitmap = new SKBitmap(20, 30, SKColorType.Rgba8888, SKAlphaType.Opaque);
        using var single = images[2];
        var bytes = single.bytes.ToArray();
        for (var i = 0; i < 600; i++) bitmap.SetPixel(i % 20, i / 20, new SKColor(bytes[i], bytes[600 + i], bytes[1200 + i]));
        using var read = transform.Read(set.Folder.Save("c.png", bitmap), SeededRandom.ForStream(9, 4, 2));
        using var last = result.narrow(0, 2, 1);
        Assert.True(allclose(read, last, 0, 0));
        Expect.Error<ArgumentException>("images must be [N, 3, h, w] uint8, got [3, 3, 24, 12] Float32.", () => transform.Apply(result));
    }

    /// <summary>Many threads share one transform, with images of several sizes that compete for the caches of the steps. Each thread gives
    /// the same bits as one thread with the same random numbers.</summary>
    [Fact]
    public void ASharedTransform_GivesTheSameBits_OnManyThreads()
    {
        var transform = All(set.Draw(12));
        string[] paths = [.. Enumerable.Range(0, 8).Select(i => set.Folder.Draw($"shared{i}.png", i, 24 + 5 * (i % 3), 48 - 7 * (i % 2)))];
        var alone = Enumerable.Range(0, 64).Select(Values).ToArray();
        var together = new string[alone.Length];
        Thread[] threads = [.. Enumerable.Range(0, 8).Select(first => new Thread(() =>
        {
            for (var i = first; i < together.Length; i += 8) together[i] = Values(i);
        }))];
        foreach (var thread in threads) thread.Start();
        foreach (var thread in threads) thread.Join();
        Assert.Equal(alone, together);

        string Values(int draw)
        {
            using var values = transform.Read(paths[draw % paths.Length], SeededRandom.ForStream(3, (ulong)draw));
            return Convert.ToHexString(System.Security.Cryptography.SHA256.HashData(values.bytes));
        }
    }

    [Fact]
    public void EveryStep_RefusesNullAndAnEmptyPicture()
    {
        foreach (var step in All(set.Draw(3)).Steps.OfType<PixelStep>().Append(new Resize(3, 3)))
        {
            var random = new SeededRandom(1);
            Assert.Equal("picture", Assert.Throws<ArgumentNullException>(() => step.Apply(null!, random)).ParamName);
            Assert.StartsWith("picture must have pixels: decode an image into it first.",
                Assert.Throws<ArgumentException>(() => step.Apply(new Picture(), random)).Message, StringComparison.Ordinal);
            if (step.IsRandom)
                Assert.Equal("random",
                    Assert.Throws<ArgumentNullException>(() => step.Apply(Picture.FromRgb([1, 2, 3], 1, 1), null!)).ParamName);
        }
    }

    private static ImageTransform All(ImageList images) => new(
        new RandomResizedCrop(40, 30), new ResizeShorter(28), new RandomCrop(28, 20),
            new Random2DTranslation(TestSet.Height, TestSet.Width),
        new HorizontalFlip(), new PadAndCrop(2), new RandomApply(new ColorJitter(0.2, 0.2, 0.2, 0.1)), new RandomGrayscale(),
        new RandomRotation(10), new RandomAffine(5, 0.1, 0.9, 1.1, 5), new RandomPerspective(0.2), new GaussianBlur(5),
        AutoAugment.ImageNet(0.5), AutoAugment.FastReId(0.5), AutoAugment.FastReId2020(0.5), new RandAugment(), new AugMix(),
        new RandomPatch(images, TestSet.Height, TestSet.Width, 10), new CenterCrop(TestSet.Height, TestSet.Width),
        new Normalize(), new RandomErasing());
}
