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
        var progress = new List<ExtractionProgress>();
        using var features = new ImageLoader(images, plain)
            .Extract(Thirds, batchSize: 3, progress: new Reports(progress.Add), cancellationToken: Cancel);
        Assert.Equal([7, 3], features.Features.shape);
        Assert.Equal(images.Select(s => s.Identity), features.Identities);
        Assert.Equal(images.Select(s => s.Camera), features.Cameras!);
        Assert.Equal([new(3, 7), new(6, 7), new(7, 7)], progress);
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
        using var features = new ImageLoader(set.Draw(2), plain).Extract(images => Thirds(images) * weight, cancellationToken: Cancel);
        Assert.False(features.Features.requires_grad);
        Assert.True(is_grad_enabled());
    }

    [Fact]
    public void SkippedPictures_HaveNoRow()
    {
        var images = set.Draw(5);
        File.Delete(images[1].Path);
        var loader = new ImageLoader(images, plain) { BadImages = BadImages.Skip };
        using var features = loader.Extract(Thirds, batchSize: 2, cancellationToken: Cancel);
        var kept = images.Without(loader.Skipped);
        Assert.Equal([4, 3], features.Features.shape);
        Assert.Equal(kept.Select(s => s.Identity), features.Identities);
        using var scope = NewDisposeScope();
        Assert.True(allclose(features.Features[1], Thirds(plain.Read(kept[1].Path))[0]));
    }

    [Fact]
    public void ListsWithoutCameras_GiveSetsWithoutCameras()
    {
        var images = new ImageList(set.Draw(2), hasCameras: false);
        using var features = new ImageLoader(images, plain).Extract(Thirds, cancellationToken: Cancel);
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
        }, batchSize: 3, cancellationToken: Cancel));
        Assert.Equal($"{images[4].Path}: its features are NaN or infinite.", error.Message);
    }

    [Fact]
    public void WrongShape_IsPrinted()
    {
        Expect.Error<ArgumentException>(
            $"embed must give one row of features per image, [2, D], got [2, 3, {TestSet.Height}, {TestSet.Width}].",
            () => new ImageLoader(set.Draw(2), plain).Extract(images => images.alias(), cancellationToken: Cancel));
        Assert.Throws<InvalidOperationException>(() => new ImageLoader(new ImageList([]), plain)
            .Extract(Thirds, cancellationToken: Cancel));
    }

    /// <summary>Without an error, a row of one number would be repeated to the length of the rows before it.</summary>
    [Fact]
    public void RowsOfAnotherLengthOrType_AreRefused_AlsoAfterAJournal()
    {
        var images = set.Draw(5);
        var journal = new ExtractionJournal(set.Folder.Under("features.journal"));
        Assert.Throws<OperationCanceledException>(() => new ImageLoader(images, plain).Extract(Thirds, 2, journal, Stops, Cancel));
        var length = new FileInfo(journal.Path).Length;
        (string Message, Func<Tensor, Tensor?> Embed)[] wrong =
        [
            ("embed must give rows of 3 Float32 as before, got [2, 1] Float32.", batch => batch.mean([1, 2, 3]).unsqueeze(1)),
            ("embed must give rows of 3 Float32 as before, got [2, 6] Float32.", batch => Thirds(batch).repeat(1, 2)),
            ("embed must give rows of 3 Float32 as before, got [2, 3] Float64.", batch => Thirds(batch).to(ScalarType.Float64)),
            ("embed must give floating-point features, got Int64.", batch => Thirds(batch).to(ScalarType.Int64)),
            ("embed must give one row of features per image, [2, D], got [2, 0].", batch => zeros(batch.size(0), 0L)),
            ("embed must give one row of features per image, got null.", _ => null),
        ];
        foreach (var (message, embed) in wrong)
        {
            Expect.Error<ArgumentException>(message,
                () => new ImageLoader(images, plain).Extract(embed!, 2, journal, cancellationToken: Cancel));
            var first = true;
            Expect.Error<ArgumentException>(message, () => new ImageLoader(images, plain).Extract(batch =>
            {
                var isFirst = first;
                first = false;
                return isFirst ? Thirds(batch) : embed(batch)!;
            }, 2, cancellationToken: Cancel));
        }
        Assert.Equal(length, new FileInfo(journal.Path).Length);
    }

    [Fact]
    public void AJournalWithoutABadImage_IsRefused_WhereBadImagesAreErrors()
    {
        var images = set.Draw(5);
        File.Delete(images[1].Path);
        var journal = new ExtractionJournal(set.Folder.Under("features.journal"));
        Assert.Throws<OperationCanceledException>(() => new ImageLoader(images, plain) { BadImages = BadImages.Skip }
            .Extract(Thirds, 3, journal, Stops, Cancel));
        Expect.Error<InvalidDataException>($"{images[1].Path}: could not be read before the extraction was stopped. The journal "
            + $"{journal.Path} has no features of it", () => new ImageLoader(images, plain).Extract(Thirds, 3, journal, null, Cancel));
    }

    [Theory]
    [InlineData(1, 0)]
    [InlineData(2, 0)]
    [InlineData(2, 7)]
    [InlineData(4, 0)]
    public void StoppedExtraction_ContinuesAfterTheLastWholeBatch_WithTheSameBits(int batches, int bytesLost)
    {
        var images = set.Draw(11);
        using var whole = new ImageLoader(images, plain).Extract(Thirds, batchSize: 3, cancellationToken: Cancel);
        var journal = new ExtractionJournal(set.Folder.Under("features.journal"), "thirds");
        using (var stop = new CancellationTokenSource())
        {
            var seen = 0;
            Assert.Throws<OperationCanceledException>(() => new ImageLoader(images, plain).Extract(Thirds, 3, journal, new Reports(_ =>
            {
                if (++seen == batches) throw new OperationCanceledException();
            }), stop.Token));
        }
        if (bytesLost > 0)
            using (var file = File.OpenWrite(journal.Path)) file.SetLength(file.Length - bytesLost);
        var calls = 0;
        using var resumed = new ImageLoader(images, plain).Extract(batch =>
        {
            calls++;
            return Thirds(batch);
        }, 3, journal: journal, cancellationToken: Cancel);
        Assert.Equal(4 - batches + (bytesLost > 0 ? 1 : 0), calls);
        Assert.Equal(whole.Features.data<float>().ToArray(), resumed.Features.data<float>().ToArray());
        Assert.Equal(whole.Identities, resumed.Identities);
        Assert.Equal(whole.Cameras!, resumed.Cameras!);
        // A complete journal does not need the network.
        using var again = new ImageLoader(images, plain).Extract(_ => throw new NotSupportedException(), 3, journal: journal,
            cancellationToken: Cancel);
        Assert.Equal(whole.Features.data<float>().ToArray(), again.Features.data<float>().ToArray());
        journal.Delete();
        Assert.False(File.Exists(journal.Path));
    }

    [Fact]
    public void CanceledExtraction_KeepsItsJournal()
    {
        var images = set.Draw(8);
        var journal = new ExtractionJournal(set.Folder.Under("features.journal"));
        using var stop = new CancellationTokenSource();
        Assert.Throws<OperationCanceledException>(() =>
            new ImageLoader(images, plain).Extract(Thirds, 2, journal, new Reports(_ => stop.Cancel()), stop.Token));
        Assert.True(File.Exists(journal.Path));
        using var resumed = new ImageLoader(images, plain).Extract(Thirds, 2, journal: journal, cancellationToken: Cancel);
        using var whole = new ImageLoader(images, plain).Extract(Thirds, 2, cancellationToken: Cancel);
        Assert.Equal(whole.Features.data<float>().ToArray(), resumed.Features.data<float>().ToArray());
    }

    [Fact]
    public void ResumedExtraction_KnowsWhatWasSkippedBefore()
    {
        var images = set.Draw(8);
        foreach (var lost in new[] { 1, 6, 7 }) File.Delete(images[lost].Path);
        var journal = new ExtractionJournal(set.Folder.Under("features.journal"));
        Assert.Throws<OperationCanceledException>(() => new ImageLoader(images, plain) { BadImages = BadImages.Skip }
            .Extract(Thirds, 3, journal, Stops, Cancel));
        var loader = new ImageLoader(images, plain) { BadImages = BadImages.Skip };
        using var features = loader.Extract(Thirds, 3, journal: journal, cancellationToken: Cancel);
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
            .Extract(Thirds, batchSize, new ExtractionJournal(path, key), Stops, Cancel).Dispose();
        Assert.Throws<OperationCanceledException>(() => Stop(images, 2, "a"));
        foreach (var other in new Action[] { () => Stop(images, 2, "b"), () => Stop(images, 3, "a"), () => Stop(set.Draw(5), 2, "a") })
            Assert.StartsWith($"{path} is not a journal of this extraction", Assert.Throws<InvalidDataException>(other).Message,
                StringComparison.Ordinal);
        // The same size, another normalization or other steps.
        ImageTransform[] others =
        [
            ImageTransform.ForEvaluation(plain.Height, plain.Width, new Normalize([0.5f, 0.5f, 0.5f], [0.5f, 0.5f, 0.5f])),
            new(new Resize(plain.Height, plain.Width), new RandomGrayscale(1), new Normalize()),
        ];
        foreach (var other in others)
            Assert.Throws<InvalidDataException>(() => new ImageLoader(images, other)
                .Extract(Thirds, 2, new ExtractionJournal(path, "a"), Stops, Cancel).Dispose());
        File.WriteAllText(path, "");
        Assert.Throws<OperationCanceledException>(() => Stop(images, 3, "c"));
        File.WriteAllText(path, "my notes");
        Assert.Throws<InvalidDataException>(() => Stop(images, 3, "c"));
        Assert.Equal("my notes", File.ReadAllText(path));
    }

    /// <summary>A record with the right checksum but impossible content is refused; the error names the file and the batch.</summary>
    [Theory]
    [InlineData(new[] { 3, 4, 8 }, 3, 6, "it has image 8, which must be in 5 ... 5.")]
    [InlineData(new[] { 3, -1, 5 }, 3, 6, "it has image -1, which must be in 4 ... 5.")]
    [InlineData(new[] { 3, 3, 5 }, 3, 6, "it has image 3, which must be in 4 ... 5.")]
    [InlineData(new[] { 0, 4, 5 }, 3, 6, "it has image 0, which must be in 3 ... 5.")]
    [InlineData(new[] { 3, 4, 5 }, 3, 9, "it ends at image 9, which must be in 4 ... 8.")]
    [InlineData(new[] { 3, 4, 5 }, 3, 3, "it ends at image 3, which must be in 4 ... 8.")]
    [InlineData(new[] { 3, 4, 5 }, 2, 6, "its features are 2 Float32, those before it 3 Float32.")]
    public void JournalWithAnImpossibleBatch_IsRefused(int[] indices, int width, int end, string what)
    {
        var loader = new ImageLoader(set.Draw(8), plain);
        var journal = new ExtractionJournal(set.Folder.Under("features.journal"));
        using (var file = journal.Open(loader, 3))
        using (var first = zeros(3, 3))
        using (var second = zeros(3, width))
        {
            file.Append([0, 1, 2], first, 3);
            file.Append(indices, second, end);
        }
        var error = Assert.Throws<InvalidDataException>(() => loader.Extract(Thirds, 3, journal, cancellationToken: Cancel));
        Assert.Equal($"{journal.Path}, batch 2: {what}", error.Message);
    }

    /// <summary>Stops an extraction at its first report.</summary>
    private static Reports Stops => new(_ => throw new OperationCanceledException());

    /// <summary>The mean of the left third of the image, channel by channel.</summary>
    private static Tensor Thirds(Tensor images) => images.narrow(3, 0, TestSet.Width / 3).mean([2, 3]);

    /// <summary>Unlike <see cref="Progress{T}"/>, it reports on the thread of the extraction.</summary>
    private sealed class Reports(Action<ExtractionProgress> action) : IProgress<ExtractionProgress>
    {
        public void Report(ExtractionProgress value) => action(value);
    }
}
