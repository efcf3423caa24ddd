using MetricLearning.Testing;
using static TorchSharp.torch;

namespace MetricLearning.Vision.Tests;

[LeavesNoTensors]
public sealed class ExtractTests : IDisposable
{
    private readonly TestSet set = new();
    private readonly ImageTransform plain = ImageTransform.ForEvaluation(TestSet.Height, TestSet.Width);

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => set.Dispose();

    [Fact]
    public void Extract_GivesARowForEachPictureWithIdentityAndCamera()
    {
        var images = set.Draw(7);
        var progress = new List<(int, int)>();
        using var features = new ImageLoader(images, plain)
            .Extract(Thirds, batchSize: 3, progress: (done, all) => progress.Add((done, all)), cancel: Cancel);
        Assert.Equal([7, 3], features.Features.shape);
        Assert.Equal(images.Select(s => s.Identity), features.Ids);
        Assert.Equal(images.Select(s => s.Camera), features.Cameras!);
        Assert.Equal([(3, 7), (6, 7), (7, 7)], progress);
        for (var i = 0; i < 7; i++)
        {
            using var scope = NewDisposeScope();
            Assert.True(allclose(features.Features[i], Thirds(plain.Read(images[i].Path))[0]));
        }
    }

    [Fact]
    public void Extract_RunsWithoutGradient()
    {
        using var weight = ones(1, requires_grad: true);
        using var features = new ImageLoader(set.Draw(2), plain).Extract(images => Thirds(images) * weight, cancel: Cancel);
        Assert.False(features.Features.requires_grad);
        Assert.True(is_grad_enabled());
    }

    [Fact]
    public void Flip_IsTheMeanOfBothViews()
    {
        var images = set.Draw(3);
        using var features = new ImageLoader(images, plain).Extract(Thirds, flip: true, cancel: Cancel);
        using var scope = NewDisposeScope();
        for (var i = 0; i < 3; i++)
        {
            var picture = plain.Read(images[i].Path);
            Assert.False(allclose(Thirds(picture), Thirds(picture.flip(3))));
            Assert.True(allclose(features.Features[i], ((Thirds(picture) + Thirds(picture.flip(3))) / 2)[0]));
        }
    }

    [Fact]
    public void SkippedPictures_HaveNoRow()
    {
        var images = set.Draw(5);
        File.Delete(images[1].Path);
        var loader = new ImageLoader(images, plain) { BadImages = BadImages.Skip };
        using var features = loader.Extract(Thirds, batchSize: 2, cancel: Cancel);
        var kept = images.Without(loader.Skipped);
        Assert.Equal([4, 3], features.Features.shape);
        Assert.Equal(kept.Select(s => s.Identity), features.Ids);
        using var scope = NewDisposeScope();
        Assert.True(allclose(features.Features[1], Thirds(plain.Read(kept[1].Path))[0]));
    }

    [Fact]
    public void ListsWithoutCameras_HaveNone()
    {
        var images = new ImageList(set.Draw(2), hasCameras: false);
        using var features = new ImageLoader(images, plain).Extract(Thirds, cancel: Cancel);
        Assert.Null(features.Cameras);
    }

    [Fact]
    public void NaN_NamesThePicture()
    {
        var images = set.Draw(6);
        var calls = 0;
        var error = Assert.Throws<InvalidOperationException>(() => new ImageLoader(images, plain).Extract(batch =>
        {
            var result = Thirds(batch);
            if (calls++ == 1) result[1, 2] = float.NaN;
            return result;
        }, batchSize: 3, cancel: Cancel));
        Assert.Equal($"{images[4].Path}: its features are NaN or infinite.", error.Message);
    }

    [Fact]
    public void WrongShape_IsPrinted()
    {
        Expect.Error<ArgumentException>(
            $"embed must give one row of features a picture, [2, D], got [2, 3, {TestSet.Height}, {TestSet.Width}].",
            () => new ImageLoader(set.Draw(2), plain).Extract(images => images.alias(), cancel: Cancel));
        Assert.Throws<InvalidOperationException>(() => new ImageLoader(new ImageList([]), plain).Extract(Thirds, cancel: Cancel));
    }

    /// <summary>The mean of the left third of the picture, channel by channel.</summary>
    private static Tensor Thirds(Tensor images) => images.narrow(3, 0, TestSet.Width / 3).mean([2, 3]);
}
