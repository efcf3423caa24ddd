using System.Runtime.CompilerServices;
using MetricLearning.Testing;
using TorchSharp;
using static TorchSharp.torch;

namespace MetricLearning.Vision.Tests;

[LeavesNoTensors]
public sealed class ImageLoaderTests : IDisposable
{
    private readonly TestSet set = new();
    private readonly ImageTransform train = ImageTransform.ForTraining(TestSet.Height, TestSet.Width);
    private readonly ImageTransform plain = ImageTransform.ForEvaluation(TestSet.Height, TestSet.Width);

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => set.Dispose();

    [Fact]
    public void Batches_HaveThePicturesInOrderWithTheirLabels()
    {
        var images = set.Draw(10);
        var seen = new List<int>();
        foreach (var batch in new ImageLoader(images, plain) { Workers = 2 }.Batches(4, Cancel))
            using (batch)
            {
                Assert.Equal([batch.Count, 3, TestSet.Height, TestSet.Width], batch.Images.shape);
                Assert.Equal(batch.Indices.Select(i => images.Labels[i]), batch.Labels.data<long>().ToArray());
                for (var i = 0; i < batch.Count; i++)
                {
                    using var alone = plain.Read(images[batch.Indices[i]].Path);
                    using var row = batch.Images.narrow(0, i, 1);
                    Assert.True(allclose(row, alone, 0, 0));
                }
                seen.AddRange(batch.Indices);
            }
        Assert.Equal(Enumerable.Range(0, 10), seen);
    }

    [Theory]
    [InlineData(2, 1, 0)]
    [InlineData(8, 5, 0)]
    [InlineData(3, 2, 20_000)]
    [InlineData(2, 2, 10_000_000)]
    public void Batches_AreTheSameWhateverTheWorkersAndTheCache(int workers, int ahead, long cacheBytes)
    {
        var images = set.Draw(13);
        var loader = new ImageLoader(images, train) { Workers = workers, BatchesAhead = ahead, CacheBytes = cacheBytes, Seed = 5 };
        var single = new ImageLoader(images, train) { Workers = 1, Seed = 5 };
        var (one, other) = (new TestSet.Shuffle(13, 4), new TestSet.Shuffle(13, 4));
        var firstEpoch = Values(single, one);
        Assert.Equal(firstEpoch, Values(loader, other));
        var secondEpoch = Values(single, one);
        Assert.Equal(secondEpoch, Values(loader, other));
        Assert.NotEqual(firstEpoch.OrderBy(v => v), secondEpoch.OrderBy(v => v));
        Assert.NotEqual(firstEpoch, Values(new ImageLoader(images, train) { Seed = 6 }, new TestSet.Shuffle(13, 4)));
    }

    [Fact]
    public void State_IsWhatComesAfterTheBatchThatIsHandedOut_AndResumesThere()
    {
        var loader = new ImageLoader(set.Draw(10), train) { Workers = 2, BatchesAhead = 3 };
        var sampler = new TestSet.Shuffle(10, 4);
        sampler.State = new SamplerState(3, 0);
        var states = new List<SamplerState>();
        var whole = new List<float>();
        foreach (var batch in loader.Batches(sampler, Cancel))
            using (batch)
            {
                states.Add(sampler.State);
                if (states.Count > 1) whole.AddRange(batch.Images.data<float>());
            }
        Assert.Equal([new(3, 4), new(3, 8), new(4, 0)], states);
        var resumed = new TestSet.Shuffle(10, 4) { State = states[0] };
        Assert.Equal(whole, Values(loader, resumed));
        Assert.Equal(new SamplerState(4, 0), resumed.State);
    }

    /// <summary>A run goes back to a checkpoint in the middle of an epoch: the enumeration that is running must not undo it.</summary>
    [Theory]
    [InlineData(0)]
    [InlineData(2)]
    public void AStateThatIsSetMeanwhile_StaysAndEndsTheEnumeration(int after)
    {
        var loader = new ImageLoader(set.Draw(10), plain) { Workers = 2, BatchesAhead = 1 };
        var sampler = new TestSet.Shuffle(10, 4);
        var seen = 0;
        void Run()
        {
            foreach (var batch in loader.Batches(sampler, Cancel))
                using (batch)
                    if (seen++ == after) sampler.State = new SamplerState(3, 4);
        }
        if (after < 2) Assert.Contains("State was changed", Assert.Throws<InvalidOperationException>(Run).Message);
        else Run();                                         // no batch comes after it
        Assert.Equal((after + 1, new SamplerState(3, 4)), (seen, sampler.State));
    }

    [Fact]
    public void APictureDrawnTwice_IsAugmentedDifferently()
    {
        var loader = new ImageLoader(set.Draw(1), train);
        using var batch = Assert.Single(loader.Batches(new TestSet.Shuffle(1, 4, copies: 4), Cancel));
        var rows = batch.Images.data<float>().ToArray().Chunk(3 * TestSet.Height * TestSet.Width).ToArray();
        Assert.Equal(4, rows.Select(row => row.Sum()).Distinct().Count());
    }

    [Fact]
    public void BadPicture_ThrowsWhenItsBatchIsDue()
    {
        var images = set.Draw(9);
        File.WriteAllBytes(images[5].Path, []);
        File.Delete(images[8].Path);
        var loader = new ImageLoader(images, plain) { Workers = 2 };
        var batches = 0;
        var error = Assert.Throws<InvalidDataException>(() =>
        {
            foreach (var batch in loader.Batches(3, Cancel))
            {
                batch.Dispose();
                batches++;
            }
        });
        Assert.Equal($"{images[5].Path}: the file is empty.", error.Message);
        Assert.Equal(1, batches);
        Assert.Empty(loader.Skipped);
    }

    [Fact]
    public void BadPictures_AreSkippedAndReported()
    {
        var images = set.Draw(10);
        int[] empty = [1, 4, 5, 6, 7];
        foreach (var i in empty) File.WriteAllBytes(images[i].Path, []);
        File.Delete(images[9].Path);
        var loader = new ImageLoader(images, plain) { Workers = 2, BadImages = BadImages.Skip };
        var seen = new List<int[]>();
        for (var epoch = 0; epoch < 2; epoch++)
            foreach (var batch in loader.Batches(4, Cancel))
                using (batch)
                {
                    Assert.Equal([batch.Count, 3, TestSet.Height, TestSet.Width], batch.Images.shape);
                    Assert.Equal(batch.Count, batch.Labels.size(0));
                    using var last = plain.Read(images[batch.Indices[^1]].Path);
                    using var row = batch.Images.narrow(0, batch.Count - 1, 1);
                    Assert.True(allclose(row, last, 0, 0));
                    seen.Add([.. batch.Indices]);
                }
        Assert.Equal([[0, 2, 3], [8], [0, 2, 3], [8]], seen);
        Assert.Equal([.. empty.Select(i => new BadImage(images[i].Path, $"{images[i].Path}: the file is empty.")),
            new(images[9].Path, $"{images[9].Path}: there is no such file.")], loader.Skipped);
    }

    [Fact]
    public void AnEmptyLastBatch_StillEndsTheEpoch()
    {
        var images = set.Draw(4);
        var sampler = new TestSet.Shuffle(4, 2);
        foreach (var i in sampler.Draw(0)[2..]) File.Delete(images[(int)i].Path);
        var loader = new ImageLoader(images, plain) { BadImages = BadImages.Skip };
        foreach (var batch in loader.Batches(sampler, Cancel))
        {
            batch.Dispose();
            Assert.Equal(new SamplerState(0, 2), sampler.State);
        }
        Assert.Equal(new SamplerState(1, 0), sampler.State);
    }

    [Fact]
    public void NoReadablePicture_IsAnError()
    {
        var images = set.Draw(3);
        foreach (var image in images) File.Delete(image.Path);
        var loader = new ImageLoader(images, plain) { BadImages = BadImages.Skip };
        var message = Assert.Throws<InvalidDataException>(() => loader.Batches(2, Cancel).Count()).Message;
        Assert.Equal($"None of the 3 images could be read. {images[0].Path}: there is no such file.", message);
    }

    [Fact]
    public void MistakesInAStep_AreThrownWithThePath_NeverSkipped()
    {
        var images = set.Draw(3);
        var transform = TestSet.With(new TestSet.Probe(() => throw new NotSupportedException("out of paint")));
        var loader = new ImageLoader(images, transform) { BadImages = BadImages.Skip };
        var error = Assert.Throws<InvalidOperationException>(() => loader.Batches(2, Cancel).Count());
        Assert.Equal($"{images[0].Path}: out of paint", error.Message);
        Assert.IsType<NotSupportedException>(error.InnerException);
    }

    /// <summary>A file error from a step has the type of a file error from a bad image, but the image is good.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void FileErrorsOfAStep_AreNotTakenForBadImages(bool isFixed)
    {
        var images = set.Draw(3);
        var transform = new ImageTransform(new LooksUpAFile(isRandom: !isFixed), new Resize(TestSet.Height, TestSet.Width),
            new Normalize());
        var loader = new ImageLoader(images, transform) { BadImages = BadImages.Skip, CacheBytes = 1 << 20 };
        var error = Assert.Throws<InvalidOperationException>(() => loader.Batches(2, Cancel).Count());
        Assert.Equal($"{images[0].Path}: no table of colors", error.Message);
        Assert.IsType<FileNotFoundException>(error.InnerException);
        Assert.Empty(loader.Skipped);
    }

    /// <summary>The garbage collector ends the threads of an enumerator that was not disposed.</summary>
    [Fact]
    public void AnEnumeratorThatIsDropped_IsCleanedUpByTheGarbageCollector()
    {
        var probe = new TestSet.Probe();
        Drop(probe);
        for (var i = 0; i < 100 && probe.Threads.Any(thread => thread.IsAlive); i++)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
            Thread.Sleep(20);
        }
        Assert.NotEmpty(probe.Threads);
        Assert.All(probe.Threads, thread => Assert.False(thread.IsAlive));
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void Drop(TestSet.Probe probe)
    {
        var loader = new ImageLoader(set.Draw(30), TestSet.With(probe)) { Workers = 3 };
        // The count of live tensors belongs to the thread that made them. On another thread this test does not disturb it.
        var thread = new Thread(() =>
        {
            var batches = loader.Batches(5, CancellationToken.None).GetEnumerator();
            Assert.True(batches.MoveNext());
            batches.Current.Dispose();
        });
        thread.Start();
        thread.Join();
    }

    [Theory]
    [InlineData("end")]
    [InlineData("break")]
    [InlineData("cancel")]
    [InlineData("consumer throws")]
    [InlineData("image fails")]
    public void HoweverItEnds_NoThreadAndNoTensorIsLeft(string how)
    {
        var images = set.Draw(30);
        if (how == "image fails") File.Delete(images[11].Path);
        var probe = new TestSet.Probe();
        var loader = new ImageLoader(images, TestSet.With(probe)) { Workers = 3, BatchesAhead = 4 };
        using var source = new CancellationTokenSource();
        var live = DisposeScopeManager.Statistics.ThreadTotalLiveCount;
        var error = Record.Exception(() =>
        {
            var batches = 0;
            foreach (var batch in loader.Batches(5, source.Token))
            {
                batch.Dispose();
                if (++batches != 2) continue;
                if (how == "break") break;
                if (how == "cancel") source.Cancel();
                if (how == "consumer throws") throw new NotFiniteNumberException();
            }
        });
        Assert.Equal(how switch
        {
            "cancel" => typeof(OperationCanceledException),
            "consumer throws" => typeof(NotFiniteNumberException),
            "image fails" => typeof(FileNotFoundException),
            _ => null,
        }, error?.GetType());
        Assert.NotEmpty(probe.Threads);
        Assert.DoesNotContain(Environment.CurrentManagedThreadId, probe.Threads.Select(thread => thread.ManagedThreadId));
        Assert.All(probe.Threads, thread => Assert.False(thread.IsAlive));
        Assert.Equal(live, DisposeScopeManager.Statistics.ThreadTotalLiveCount);
    }

    [Fact]
    public void Cancellation_EndsTheWaitForASlowPicture()
    {
        using var source = new CancellationTokenSource();
        var probe = new TestSet.Probe(() =>
        {
            source.Cancel();
            Thread.Sleep(20);
        });
        var loader = new ImageLoader(set.Draw(50), TestSet.With(probe)) { Workers = 1 };
        Assert.Throws<OperationCanceledException>(() => loader.Batches(50, source.Token).Count());
        // The picture that a worker has is decoded to its end. The others of the batch are not waited for.
        Assert.InRange(probe.Threads.Count, 1, 49);
    }

    [Fact]
    public void Memory_IsBoundedByTheBatchesAhead()
    {
        var decoded = 0;
        var probe = new TestSet.Probe(() => Interlocked.Increment(ref decoded));
        var loader = new ImageLoader(set.Draw(20), TestSet.With(probe)) { Workers = 2, BatchesAhead = 2 };
        var handed = 0;
        foreach (var batch in loader.Batches(2, Cancel))
        {
            batch.Dispose();
            var most = Math.Min((++handed + 2) * 2, 20);
            // The consumer pauses until the workers have decoded what they may, and then a little longer.
            SpinWait.SpinUntil(() => Volatile.Read(ref decoded) >= most, TimeSpan.FromSeconds(20));
            Thread.Sleep(20);
            Assert.Equal(most, Volatile.Read(ref decoded));
        }
        Assert.Equal(20, decoded);
    }

    [Fact]
    public void Cache_KeepsPicturesWithinItsBudget()
    {
        var images = set.Draw(6);
        const int pictureBytes = TestSet.Height * TestSet.Width * Picture.BytesPerPixel;
        var loader = new ImageLoader(images, plain) { CacheBytes = 3 * pictureBytes, Workers = 1 };
        Assert.Equal(6, Read(loader.Batches(2, Cancel)));
        // The first three images are in the cache. The others are read again, and their files no longer exist.
        foreach (var image in images) File.Delete(image.Path);
        Assert.Equal(images[3].Path, Assert.Throws<FileNotFoundException>(() => Read(loader.Batches(1, Cancel))).FileName);
    }

    [Fact]
    public void Batches_OutliveTheScopesOfTheLoop()
    {
        var loader = new ImageLoader(set.Draw(8), plain);
        using var batches = loader.Batches(2, Cancel).GetEnumerator();
        for (var i = 0; i < 4; i++)
        {
            ImageBatch batch;
            using (NewDisposeScope())
            {
                Assert.True(batches.MoveNext());
                batch = batches.Current;
            }
            Assert.False(batch.Images.IsInvalid);
            batch.Dispose();
        }
        Assert.False(batches.MoveNext());
    }

    /// <summary>The groups of a sampler stay together, as in <see cref="Sampler.Batches"/>.</summary>
    [Fact]
    public void AStateInTheMiddleOfABatch_BeginsWithTheRestOfIt()
    {
        var images = set.Draw(13);
        var loader = new ImageLoader(images, plain) { Workers = 2 };
        for (var position = 0; position < 13; position++)
        {
            var (one, other) = (new TestSet.Shuffle(13, 4), new TestSet.Shuffle(13, 4));
            one.State = other.State = new SamplerState(2, position);
            var expected = one.Batches().ToList();
            var found = loader.Batches(other, Cancel).Select(batch =>
            {
                using (batch) return batch.Indices.Select(index => (long)index).ToArray();
            }).ToList();
            Assert.Equal(expected, found);
            Assert.Equal(one.State, other.State);
        }
    }

    [Fact]
    public void BadArguments_AreNamed()
    {
        var images = set.Draw(2);
        var loader = new ImageLoader(images, plain);
        Assert.Equal("batchSize", Assert.Throws<ArgumentOutOfRangeException>(() => loader.Batches(0, Cancel)).ParamName);
        Assert.Equal("Workers", Assert.Throws<ArgumentOutOfRangeException>(() => new ImageLoader(images, plain) { Workers = 0 }).ParamName);
        Expect.Error<ArgumentException>("sampler draws index ", () => loader.Batches(new TestSet.Shuffle(3, 2), Cancel).Count());
        Assert.Empty(new ImageLoader(new ImageList([]), plain).Batches(4, Cancel));
    }

    /// <summary>Two loaders, and two enumerations of each, give the same batches at the same time as one after the other.</summary>
    [Fact]
    public void LoadersAndEnumerations_RunAtTheSameTime()
    {
        var images = set.Draw(13);
        ImageLoader[] loaders =
        [
            new(images, train) { Workers = 2, CacheBytes = 10_000, Seed = 5 },
                new(images, train) { Workers = 3, CacheBytes = 1 << 20, Seed = 6 },
        ];
        List<float>[] alone = [.. loaders.Select(loader => Values(loader, new TestSet.Shuffle(13, 4)))];
        var together = new List<float>[4];
        Thread[] threads = [.. Enumerable.Range(0, together.Length)
            .Select(i => new Thread(() => together[i] = Values(loaders[i % 2], new TestSet.Shuffle(13, 4))))];
        foreach (var thread in threads) thread.Start();
        foreach (var thread in threads) thread.Join();
        for (var i = 0; i < together.Length; i++) Assert.Equal(alone[i % 2], together[i]);
    }

    private static int Read(IEnumerable<ImageBatch> batches)
    {
        var count = 0;
        foreach (var batch in batches)
            using (batch) count += batch.Count;
        return count;
    }

    private static List<float> Values(ImageLoader loader, Sampler sampler)
    {
        var values = new List<float>();
        foreach (var batch in loader.Batches(sampler, Cancel))
            using (batch) values.AddRange(batch.Images.data<float>());
        return values;
    }

    /// <summary>A step that reads a file of its own, which is missing.</summary>
    private sealed class LooksUpAFile(bool isRandom) : PixelStep
    {
        public override bool IsRandom => isRandom;

        public override void Apply(Picture picture, SeededRandom random) => throw new FileNotFoundException("no table of colors");
    }
}
