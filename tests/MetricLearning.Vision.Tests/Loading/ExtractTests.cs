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
        Assert.Equal(images.Select(s => s.Identity), features.Identities);
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
    public void SkippedPictures_HaveNoRow()
    {
        var images = set.Draw(5);
        File.Delete(images[1].Path);
        var loader = new ImageLoader(images, plain) { BadImages = BadImages.Skip };
        using var features = loader.Extract(Thirds, batchSize: 2, cancel: Cancel);
        var kept = images.Without(loader.Skipped);
        Assert.Equal([4, 3], features.Features.shape);
        Assert.Equal(kept.Select(s => s.Identity), features.Identities);
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

    [Theory]
    [InlineData(1, 0)]
    [InlineData(2, 0)]
    [InlineData(2, 7)]
    [InlineData(4, 0)]
    public void StoppedExtraction_GoesOnAfterTheLastWholeBatch_ToTheSameBits(int batches, int bytesLost)
    {
        var images = set.Draw(11);
        using var whole = new ImageLoader(images, plain).Extract(Thirds, batchSize: 3, cancel: Cancel);
        var journal = new ExtractionJournal(set.Folder.Under("features.journal"), "thirds");
        using (var stop = new CancellationTokenSource())
        {
            var seen = 0;
            Assert.Throws<OperationCanceledException>(() => new ImageLoader(images, plain).Extract(Thirds, 3, (_, _) =>
            {
                if (++seen == batches) throw new OperationCanceledException();
            }, journal, stop.Token));
        }
        if (bytesLost > 0)
            using (var file = File.OpenWrite(journal.Path)) file.SetLength(file.Length - bytesLost);
        var calls = 0;
        using var resumed = new ImageLoader(images, plain).Extract(batch =>
        {
            calls++;
            return Thirds(batch);
        }, 3, journal: journal, cancel: Cancel);
        Assert.Equal(4 - batches + (bytesLost > 0 ? 1 : 0), calls);
        Assert.Equal(whole.Features.data<float>().ToArray(), resumed.Features.data<float>().ToArray());
        Assert.Equal(whole.Identities, resumed.Identities);
        Assert.Equal(whole.Cameras!, resumed.Cameras!);
        // Whole, it needs the network no more.
        using var again = new ImageLoader(images, plain).Extract(_ => throw new NotSupportedException(), 3, journal: journal,
            cancel: Cancel);
        Assert.Equal(whole.Features.data<float>().ToArray(), again.Features.data<float>().ToArray());
        journal.Delete();
        Assert.False(File.Exists(journal.Path));
    }

    [Fact]
    public void CancelledExtraction_KeepsItsJournal()
    {
        var images = set.Draw(8);
        var journal = new ExtractionJournal(set.Folder.Under("features.journal"));
        using var stop = new CancellationTokenSource();
        Assert.Throws<OperationCanceledException>(() =>
            new ImageLoader(images, plain).Extract(Thirds, 2, (_, _) => stop.Cancel(), journal, stop.Token));
        Assert.True(File.Exists(journal.Path));
        using var resumed = new ImageLoader(images, plain).Extract(Thirds, 2, journal: journal, cancel: Cancel);
        using var whole = new ImageLoader(images, plain).Extract(Thirds, 2, cancel: Cancel);
        Assert.Equal(whole.Features.data<float>().ToArray(), resumed.Features.data<float>().ToArray());
    }

    [Fact]
    public void ResumedExtraction_KnowsWhatWasSkippedBefore()
    {
        var images = set.Draw(8);
        foreach (var lost in new[] { 1, 6, 7 }) File.Delete(images[lost].Path);
        var journal = new ExtractionJournal(set.Folder.Under("features.journal"));
        Assert.Throws<OperationCanceledException>(() => new ImageLoader(images, plain) { BadImages = BadImages.Skip }
            .Extract(Thirds, 3, (done, _) => throw new OperationCanceledException(), journal, Cancel));
        var loader = new ImageLoader(images, plain) { BadImages = BadImages.Skip };
        using var features = loader.Extract(Thirds, 3, journal: journal, cancel: Cancel);
        Assert.Equal(5, features.Count);
        Assert.Equal([1, 6, 7], loader.Skipped.Select(bad => images.ToList().FindIndex(image => image.Path == bad.Path)));
        Assert.Equal($"{images[1].Path}: could not be read before the extraction was stopped.", loader.Skipped[0].Reason);
    }

    [Fact]
    public void JournalOfAnotherExtraction_IsRefused()
    {
        var images = set.Draw(4);
        var path = set.Folder.Under("features.journal");
        void Stop(ImageList list, int batchSize, string key) => new ImageLoader(list, plain)
            .Extract(Thirds, batchSize, (_, _) => throw new OperationCanceledException(), new ExtractionJournal(path, key), Cancel)
                .Dispose();
        Assert.Throws<OperationCanceledException>(() => Stop(images, 2, "a"));
        foreach (var other in new Action[] { () => Stop(images, 2, "b"), () => Stop(images, 3, "a"), () => Stop(set.Draw(5), 2, "a") })
            Assert.StartsWith($"{path} is no journal of this extraction", Assert.Throws<InvalidDataException>(other).Message,
                StringComparison.Ordinal);
        File.WriteAllText(path, "");
        Assert.Throws<OperationCanceledException>(() => Stop(images, 3, "c"));
    }

    /// <summary>The mean of the left third of the picture, channel by channel.</summary>
    private static Tensor Thirds(Tensor images) => images.narrow(3, 0, TestSet.Width / 3).mean([2, 3]);
}
