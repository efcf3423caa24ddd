using MetricLearning.Testing;

namespace MetricLearning.Vision.Tests;

[LeavesNoTensors]
public sealed class ImageTransformTests : IDisposable
{
    private readonly TempFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void Normalize_IsToTensorThenNormalize()
    {
        var picture = new Picture();
        byte[] pixels = [0, 128, 255, 9, 51, 102, 204, 9];
        pixels.CopyTo(picture.Replace(2, 1, out _));
        var values = new float[6];
        new Normalize([0.5f, 0.25f, 0f], [0.5f, 0.25f, 2f]).Apply(picture, values);
        Assert.Equal([-1, 51 / 255f * 2 - 1, 128 / 255f * 4 - 1, 102 / 255f * 4 - 1, 0.5f, 0.4f], values, (a, b) => Math.Abs(a - b) < 1e-6);
        Assert.Equal("std", Assert.Throws<ArgumentOutOfRangeException>(() => new Normalize(std: [1, 0, 1])).ParamName);
    }

    [Fact]
    public void Steps_MustComeInOrderAndFixTheSize()
    {
        Expect.Error<ArgumentException>(
            "steps must be pixel steps, then one Normalize, then plane steps, got Resize, RandomErasing, Normalize.",
            () => new ImageTransform(new Resize(4, 4), new RandomErasing(), new Normalize()));
        Assert.Throws<ArgumentException>(() => new ImageTransform(new Resize(4, 4)));
        Expect.Error<ArgumentException>("A step must fix the size, for example Resize.",
            () => new ImageTransform(new HorizontalFlip(), new Normalize()));
    }

    [Fact]
    public void Read_GivesOnePictureAsABatch()
    {
        var path = folder.Draw("a.png");
        using var values = ImageTransform.ForTraining(32, 16).Read(path, new SeededRandom(5));
        using var same = ImageTransform.ForTraining(32, 16).Read(path, new SeededRandom(5));
        Assert.Equal([1, 3, 32, 16], values.shape);
        Assert.True(TorchSharp.torch.allclose(values, same, 0, 0));
        Assert.Throws<InvalidDataException>(() => ImageTransform.ForEvaluation().Read(folder.Write("b.png", 1)));
    }

    [Fact]
    public void ASpace_SaysHowImagesArePrepared_AndMakesTheTransform()
    {
        var space = new ImageTransform(new HorizontalFlip(), new Resize(32, 16, ResizeFilter.Bicubic), new PadAndCrop(2),
            new Normalize([0.5f, 0.5f, 0.5f], [0.25f, 0.25f, 0.25f]), new RandomErasing()).Space;
        Assert.Equal(new EmbeddingSpace
        {
            Height = 32, Width = 16, Interpolation = "bicubic", Mean = [0.5f, 0.5f, 0.5f], Deviation = [0.25f, 0.25f, 0.25f],
        }, space);
        var path = folder.Draw("a.png", 3, 60, 70);
        using var expected = new ImageTransform(new Resize(32, 16, ResizeFilter.Bicubic),
            new Normalize([0.5f, 0.5f, 0.5f], [0.25f, 0.25f, 0.25f])).Read(path);
        using var values = ImageTransform.For(space).Read(path);
        Assert.True(TorchSharp.torch.allclose(expected, values, 0, 0));
        Assert.Equal(space, ImageTransform.For(space).Space);
        Assert.Equal(ImageTransform.ForEvaluation(8, 4).Space, ImageTransform.For(new EmbeddingSpace { Height = 8, Width = 4 }).Space);
        foreach (var published in new[] { PublishedSpaces.TorchReId, PublishedSpaces.StrongBaseline, PublishedSpaces.FastReId,
            PublishedSpaces.TransReId, PublishedSpaces.Solider, PublishedSpaces.Timm, PublishedSpaces.Torchvision })
            Assert.Equal(published, ImageTransform.For(published).Space);
        Assert.Equal(new EmbeddingSpace
        {
            Height = 384, Width = 128, Interpolation = "bilinear", Mean = [0.5f, 0.5f, 0.5f], Deviation = [0.5f, 0.5f, 0.5f],
        }, PublishedSpaces.Solider);
        Expect.Error<ArgumentException>("space must know the height and the width of images",
            () => ImageTransform.For(new EmbeddingSpace { Height = 8 }));
        Expect.Error<ArgumentException>("space must have an interpolation of bilinear, bicubic, lanczos, box, hamming, nearest, got area.",
            () => ImageTransform.For(space with { Interpolation = "area" }));
    }

    [Fact]
    public void ExtractedFeatures_CarryTheirSpace()
    {
        var list = new ImageList([new ImageSample(folder.Draw("a.png"), 1, 1)]);
        var loader = new ImageLoader(list, ImageTransform.ForEvaluation(8, 4)) { Space = new() { Architecture = "mean", Height = 8 } };
        using var features = loader.Extract(batch => batch.mean([2L, 3L]));
        Assert.Equal(ImageTransform.ForEvaluation(8, 4).Space with { Architecture = "mean" }, features.Space);
        Expect.Error<ArgumentException>("height is 8 in the transform and 9 here",
            () => new ImageLoader(list, ImageTransform.ForEvaluation(8, 4)) { Space = new() { Height = 9 } });
    }

    [Fact]
    public void StepsThatBreakTheirPromise_AreDetected()
    {
        var transform = new ImageTransform(new Resize(8, 8), new Shrinks(), new Normalize());
        var message = Assert.Throws<InvalidOperationException>(() => transform.Read(folder.Draw("a.png"))).Message;
        Assert.Equal("The steps promised an image of 8x8 (height x width), got 4x4.", message);
    }

    private sealed class Shrinks : PixelStep
    {
        public override void Apply(Picture picture, SeededRandom random) => new Resize(4, 4).Apply(picture, random);
    }
}
