using System.IO.Compression;
using MetricLearning.Testing;
using static TorchSharp.torch;

namespace MetricLearning.Vision.Tests;

/// <summary>Tests that an image, its limits and its errors are the same for a file, memory, a stream and a zip file.</summary>
public sealed class PictureSourcesTests : IDisposable
{
    private readonly TempFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData("a.jpg")]
    [InlineData("a.png")]
    [InlineData("a.ppm")]
    public async Task EverySource_GivesThePixelsOfTheFile(string name)
    {
        var path = name == "a.ppm" ? folder.Write(name, [.. "P6 1 2 255\n"u8, 1, 2, 3, 4, 5, 6]) : folder.Draw(name, 3, 61, 37);
        var bytes = await File.ReadAllBytesAsync(path);
        var expected = Picture.Load(path);
        using var memory = new MemoryStream([7, 7, .. bytes]) { Position = 2 };
        using var drops = new Drops(bytes);
        using var body = new Drops(bytes) { OnlyAsync = true };
        Assert.All([Picture.Load(bytes), Picture.Load(memory), Picture.Load(drops), await Picture.LoadAsync(body)], picture =>
        {
            Assert.Equal((expected.Width, expected.Height), (picture.Width, picture.Height));
            Assert.Equal(Rgb(expected), Rgb(picture));
        });
        Assert.True(memory.CanRead && drops.CanRead && body.CanRead, "The streams stay open.");
        Assert.Equal(memory.Length, memory.Position);
    }

    [Fact]
    public void ZipEntries_AreReadAsStreams()
    {
        var path = folder.Draw("a.jpg", 5);
        using var zip = new ZipArchive(new MemoryStream(Zip(("a.jpg", File.ReadAllBytes(path)))));
        using var entry = zip.Entries[0].Open();
        Assert.Equal(Rgb(Picture.Load(path)), Rgb(Picture.Load(entry)));
    }

    [Fact]
    public void FromRgb_TakesDecodedPixels()
    {
        var picture = Picture.FromRgb([1, 2, 3, 4, 5, 6], 1, 2);
        Assert.Equal((1, 2), (picture.Width, picture.Height));
        Assert.Equal([1, 2, 3, 4, 5, 6], Rgb(picture));
        Expect.Error<ArgumentException>("rgb must have 6 bytes, three for each of 2x1 pixels, got 5.",
            () => Picture.FromRgb([1, 2, 3, 4, 5], 2, 1));
        Assert.Throws<ArgumentOutOfRangeException>(() => Picture.FromRgb([], 0, 1));
    }

    [Fact]
    public async Task Faults_NameTheImage()
    {
        const string fault = "it is not an image of a supported format, or its header is broken.";
        byte[] text = [.. "<html>"u8];
        Expect.Error<InvalidDataException>($"The image: {fault}", () => Picture.Load(text));
        Expect.Error<InvalidDataException>($"up.jpg: {fault}", () => Picture.Load(text, name: "up.jpg"));
        Expect.Error<InvalidDataException>($"up.jpg: {fault}", () => Picture.Load(new MemoryStream(text), name: "up.jpg"));
        Expect.Error<InvalidDataException>("The image: the file is empty.", () => Picture.Load(Stream.Null));
        // The client chooses the name of an upload. It must not be able to forge lines of a log.
        Expect.Error<InvalidDataException>("a\\u000ab: ", () => Picture.Load(text, name: "a\nb"));
        var late = await Assert.ThrowsAsync<InvalidDataException>(() => Picture.LoadAsync(new MemoryStream(text), name: "up.jpg"));
        Assert.Equal($"up.jpg: {fault}", late.Message);
        using var closed = new MemoryStream(text);
        await closed.DisposeAsync();
        Assert.Equal("image", Assert.Throws<ArgumentException>(() => Picture.Load(closed)).ParamName);
    }

    [Fact]
    public void AFolder_IsCalledOne()
    {
        var path = folder.Under("a.png");
        Directory.CreateDirectory(path);
        var journal = new ExtractionJournal(path, "key");
        var loader = new ImageLoader(new ImageList([new(folder.Draw("b.png"), 0, 0)]), ImageTransform.ForEvaluation(8, 8));
        foreach (var read in new Func<object?>[]
        {
            () => Picture.Load(path), () => new ImageArchive(path), () => ImageList.FromCsv(path, path),
            () => ImageList.FromJsonLines(path, path), () => loader.Extract(images => images.flatten(1), journal: journal),
        })
            Expect.Error<IOException>($"{path} is a folder, but a file was expected.", read);
    }

    /// <summary>The message about a file names the setting. That about bytes and streams may go to the client that sent them.</summary>
    [Fact]
    public async Task Limits_HoldForEverySource()
    {
        var bytes = await File.ReadAllBytesAsync(folder.Draw("a.png", width: 20, height: 10));
        const string pixels = ": 20x10 is more than the 199 pixels allowed.";
        Assert.Equal(20, Picture.Load(bytes, 200).Width);
        Expect.Error<InvalidDataException>(pixels, () => Picture.Load(bytes, 199));
        Expect.Error<InvalidDataException>(pixels, () => Picture.Load(new MemoryStream(bytes), 199));
        Expect.Error<InvalidDataException>(pixels, () => ImageTransform.ForEvaluation().Read(bytes, maxPixels: 199));
        var late = await Assert.ThrowsAsync<InvalidDataException>(() => Picture.LoadAsync(new MemoryStream(bytes), 199));
        Assert.EndsWith(pixels, late.Message, StringComparison.Ordinal);

        Assert.Equal(20, Picture.Load(new MemoryStream(bytes), maxBytes: bytes.Length).Width);
        var tooMany = $": it has more than the {bytes.Length - 1} bytes allowed.";
        Expect.Error<InvalidDataException>(tooMany, () => Picture.Load(new MemoryStream(bytes), maxBytes: bytes.Length - 1));
        late = await Assert.ThrowsAsync<InvalidDataException>(
            () => Picture.LoadAsync(new MemoryStream(bytes), maxBytes: bytes.Length - 1));
        Assert.EndsWith(tooMany, late.Message, StringComparison.Ordinal);
        var small = new Picture { MaxBytes = bytes.Length - 1 };
        Assert.EndsWith(tooMany, Assert.Throws<InvalidDataException>(() => ImageDecoder.Decode(bytes, small)).Message,
            StringComparison.Ordinal);
        Assert.EndsWith($"{tooMany.TrimEnd('.')}; MaxBytes sets the limit.", Assert.Throws<InvalidDataException>(
            () => ImageDecoder.Decode(folder.Under("a.png"), small)).Message, StringComparison.Ordinal);
        var opened = new ImageLoader(new ImageList([ImageSample.FromBytes("a.png", bytes)]), ImageTransform.ForEvaluation(8, 8))
        {
            MaxPixels = 199,
        };
        Expect.Error<InvalidDataException>($"a.png{pixels.TrimEnd('.')}; MaxPixels sets the limit.", () => opened.Batches(1).First());
        using var endless = new Drops(new byte[100]) { Repeats = true };
        await Assert.ThrowsAsync<InvalidDataException>(() => Picture.LoadAsync(endless, maxBytes: 250_000));
        Assert.Equal(250_001, endless.Given);
    }

    [Fact]
    public async Task Canceling_EndsAnUpload()
    {
        using var cancel = new CancellationTokenSource();
        using var endless = new Drops(new byte[100]) { Repeats = true, WhenGiven = (1000, cancel.Cancel) };
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Picture.LoadAsync(endless, cancellationToken: cancel.Token));
    }

    [Fact, LeavesNoTensors]
    public void AnUpload_BecomesTheNetworksInput()
    {
        var path = folder.Draw("a.jpg", 2, 80, 60);
        var bytes = File.ReadAllBytes(path);
        var transform = ImageTransform.ForTraining(32, 16);
        using var expected = transform.Read(path, new SeededRandom(9));
        using var fromBytes = transform.Read(bytes, new SeededRandom(9));
        using var fromStream = transform.Read(new MemoryStream(bytes), new SeededRandom(9));
        var picture = Picture.Load(bytes);
        var before = picture.Pixels.ToArray();
        using var fromPicture = transform.Apply(picture, new SeededRandom(9));
        var values = transform.ToArray(picture, new SeededRandom(9));
        var part = new float[values.Length];
        transform.Apply(picture, part, new SeededRandom(9));
        Assert.Equal(before, picture.Pixels.ToArray());
        Assert.All([fromBytes, fromStream, fromPicture], tensor => Assert.True(allclose(expected, tensor, 0, 0)));
        Assert.Equal(expected.data<float>().ToArray(), values);
        Assert.Equal(values, part);
        Expect.Error<ArgumentException>("destination must have 3 x 32 x 16 = 1536 numbers, got 3.", () =>
        {
            transform.Apply(picture, new float[3]);
            return null;
        });
        Expect.Error<ArgumentException>("picture must have pixels", () => transform.ToArray(new Picture()));
    }

    [Fact, LeavesNoTensors]
    public void ALoader_TakesImagesThatAreNotFiles()
    {
        var paths = Enumerable.Range(0, 12).Select(i => folder.Draw($"{i:00}.jpg", i)).ToArray();
        var files = new ImageList(paths.Select((path, i) => new ImageSample(path, i % 3, 1)));
        var inMemory = new ImageList(paths.Select((path, i) => ImageSample.FromBytes($"upload {i}", File.ReadAllBytes(path), i % 3, 1)));
        var zip = folder.Write("a.zip", Zip([.. paths.Select(path => (Path.GetFileName(path), File.ReadAllBytes(path)))]));
        using var archive = new ImageArchive(zip);
        var zipped = new ImageList(archive.Names.Select((name, i) => archive.Image(name, i % 3, 1)));
        var expected = Batches(files);
        for (var round = 0; round < 5; round++)
        {
            Assert.Equal(expected, Batches(inMemory));
            Assert.Equal(expected, Batches(zipped));
        }

        static float[][] Batches(ImageList list)
        {
            var loader = new ImageLoader(list, ImageTransform.ForTraining(16, 8)) { Workers = 6 };
            return [.. loader.Batches(5).Select(batch =>
            {
                using (batch) return (float[])[.. batch.Images.data<float>(), .. batch.Labels.data<long>().Select(label => (float)label)];
            })];
        }
    }

    [Fact, LeavesNoTensors]
    public void ALoader_SkipsBrokenImagesByName()
    {
        var good = File.ReadAllBytes(folder.Draw("good.jpg"));
        var list = new ImageList(
        [
            ImageSample.FromBytes("good", good), ImageSample.FromBytes("cut", good.AsMemory(0, 100)),
            new ImageSample("gone", 0, 0) { Open = () => throw new IOException("The line is dead.") },
            new ImageSample("odd", 0, 0) { Open = () => throw new InvalidDataException("The reply is not an image.") },
            new ImageSample("secret", 0, 0) { Open = () => throw new UnauthorizedAccessException("Log in first.") },
        ]);
        var loader = new ImageLoader(list, ImageTransform.ForEvaluation(8, 8)) { BadImages = BadImages.Skip };
        using var features = loader.Extract(batch => batch.mean([2L, 3L]));
        Assert.Equal(1, features.Count);
        Assert.Equal(["cut", "gone", "odd", "secret"], loader.Skipped.Select(bad => bad.Path));
        Assert.All(loader.Skipped, bad => Assert.StartsWith(bad.Path + ": ", bad.Reason, StringComparison.Ordinal));
    }

    /// <summary>Without a check, the encrypted bytes of a stored entry would pass for a broken image.</summary>
    [Fact]
    public void AnEncryptedImage_IsNamedAsSuch()
    {
        var zip = Zip(("a.jpg", File.ReadAllBytes(folder.Draw("a.jpg"))));
        // The first flag of an entry is in its own header and in the directory.
        zip[6] |= 1;
        zip[zip.AsSpan().IndexOf("PK\u0001\u0002"u8) + 8] |= 1;
        using var archive = new ImageArchive(folder.Write("secret.zip", zip));
        var loader = new ImageLoader(archive.Images(), ImageTransform.ForEvaluation(8, 8));
        Expect.Error<InvalidDataException>($"{archive.Path}/a.jpg: it is encrypted, which is not supported",
            () => loader.Batches(1).ToList());
    }

    /// <summary>Threads that read while another thread disposes the archive get whole images or the error of a disposed object.</summary>
    [Fact]
    public async Task AnArchiveThatIsDisposedMeanwhile_GivesWholeImagesOrSaysSo()
    {
        var image = File.ReadAllBytes(folder.Draw("a.jpg", width: 200, height: 200));
        var zip = folder.Write("set.zip", Zip([.. Enumerable.Range(0, 8).Select(i => ($"{i}.jpg", image))]));
        for (var round = 0; round < 40; round++)
        {
            var archive = new ImageArchive(zip);
            var images = archive.Images();
            using var started = new CountdownEvent(4);
            var readers = Enumerable.Range(0, 4).Select(worker => Task.Run(() =>
            {
                for (var read = 0; ; read++)
                {
                    if (read == 2) started.Signal();
                    using var bytes = new MemoryStream();
                    using (var stream = images[(worker + read) % images.Count].Open!()) stream.CopyTo(bytes, 100);
                    Assert.Equal(image, bytes.ToArray());
                }
            })).ToArray();
            started.Wait();
            archive.Dispose();
            foreach (var reader in readers) await Assert.ThrowsAsync<ObjectDisposedException>(() => reader);
        }
    }

    [Fact]
    public void AnArchive_HasTheImagesOfAZipFile()
    {
        var image = File.ReadAllBytes(folder.Draw("a.jpg"));
        var zip = folder.Write("set.zip", Zip(("query/0002_c1s1_000451_03.jpg", image), ("query/-1_c2s1_000001_01.jpg", image),
            ("test/0002_c3s1_000451_03.jpg", image), ("test/.hidden.jpg", image), ("readme.txt", [1])));
        using var archive = new ImageArchive(zip);
        Assert.Equal(["query/-1_c2s1_000001_01.jpg", "query/0002_c1s1_000451_03.jpg", "test/0002_c3s1_000451_03.jpg"], archive.Names);
        var query = archive.FromNamedFiles("query/");
        Assert.Equal((2L, 1L, $"{zip}/query/0002_c1s1_000451_03.jpg"), (query[0].Identity, query[0].Camera, query[0].Path));
        Assert.Equal(2, archive.FromNamedFiles("query/", keepJunk: true).Count);
        Assert.Single(archive.Images("test/"));
        Assert.False(archive.Images().HasIdentities);
        Expect.Error<ArgumentException>("got query/0002.jpg. Near names: ", () => archive.Image("query/0002.jpg"));
        Expect.Error<InvalidDataException>("begin with \"train/\"", () => archive.Images("train/"));
        using (var mixed = new ImageArchive(folder.Write("mixed.zip", Zip(("a/1.jpg", image), ("b/2.tif", image)))))
        {
            Assert.Single(mixed.Images("a/"));
            Expect.Error<InvalidDataException>("mixed.zip has an unsupported format: b/2.tif.", () => mixed.Images());
        }
        Expect.Error<InvalidDataException>("no.zip: ", () => new ImageArchive(folder.Write("no.zip", 1, 2, 3)));
        Expect.Error<FileNotFoundException>("There is no file ", () => new ImageArchive(folder.Under("gone.zip")));
        Expect.Error<InvalidDataException>("twice.zip has two entries a.jpg.",
            () => new ImageArchive(folder.Write("twice.zip", Zip(("a.jpg", image), ("a.jpg", image)))));
        // The end of the archive says how many entries there are; the beginning is the header of the first.
        var damaged = Zip(("a.jpg", image));
        damaged[^12] = damaged[^14] = 2;
        Expect.Error<InvalidDataException>("count.zip: ", () => new ImageArchive(folder.Write("count.zip", damaged)));
        damaged[^12] = damaged[^14] = 1;
        damaged[0] = 0;
        using var headless = new ImageArchive(folder.Write("headless.zip", damaged));
        Expect.Error<InvalidDataException>("headless.zip/a.jpg: ", () => headless.Image("a.jpg").Open!());
    }

    [Fact, LeavesNoTensors]
    public void AFlatFolder_IsAListWithoutIdentities()
    {
        foreach (var name in new[] { "b.jpg", "a.png", "IMG_0001.jpg" }) folder.Draw(name);
        var list = ImageList.FromFlatFolder(folder.Path);
        Assert.Equal(["IMG_0001.jpg", "a.png", "b.jpg"], list.Select(image => Path.GetFileName(image.Path)));
        Assert.False(list.HasIdentities);
        Assert.Equal((0, 0, 0), (list.ClassCount, list.Statistics.Identities, list.Statistics.Junk));
        Assert.All(list, image => Assert.Equal(-1, image.Identity));
        Expect.Error<InvalidOperationException>("The 3 images of this list have no identities, so they have no labels to train on.",
            () => list.Labels);
        Expect.Error<ArgumentException>("lists must have identities, but list 0 has none.", () => ImageList.Combine(list));
        Expect.Error<ArgumentException>("query must have identities", () => new ReIdDataset("a", new ImageList([]), list, list));
        Assert.False(list.Where(_ => true).HasIdentities);
        using var features = new ImageLoader(list, ImageTransform.ForEvaluation(8, 8)).Extract(batch => batch.mean([2L, 3L]));
        Assert.Equal([-1L, -1, -1], features.Identities);
        Assert.Null(features.Cameras);
    }

    private static byte[] Rgb(Picture picture) => [.. picture.Pixels.ToArray().Where((_, i) => i % Picture.BytesPerPixel < 3)];

    private static byte[] Zip(params (string Name, byte[] Bytes)[] files)
    {
        using var bytes = new MemoryStream();
        using (var zip = new ZipArchive(bytes, ZipArchiveMode.Create, leaveOpen: true))
            foreach (var (name, content) in files)
            {
                using var entry = zip.CreateEntry(name).Open();
                entry.Write(content);
            }
        return bytes.ToArray();
    }

    /// <summary>A stream of unknown length that gives a few bytes at a time, as the body of a web request does.</summary>
    private sealed class Drops(byte[] bytes) : Stream
    {
        private bool isOpen = true;

        public bool OnlyAsync { get; init; }

        public bool Repeats { get; init; }

        public (int Count, Action Act) WhenGiven { get; init; } = (-1, () => { });

        public int Given { get; private set; }

        public override bool CanRead => isOpen;
        public override bool CanSeek => false;
        public override bool CanWrite => false;
        public override long Length => throw new NotSupportedException();
        public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

        public override int Read(Span<byte> buffer)
        {
            Assert.False(OnlyAsync);
            return Give(buffer);
        }

        public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

        public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            await Task.Yield();
            cancellationToken.ThrowIfCancellationRequested();
            return Give(buffer.Span);
        }

        public override void Flush() => throw new NotSupportedException();
        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();
        public override void SetLength(long value) => throw new NotSupportedException();
        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        protected override void Dispose(bool disposing)
        {
            isOpen = false;
            base.Dispose(disposing);
        }

        private int Give(Span<byte> buffer)
        {
            var at = Repeats ? Given % bytes.Length : Given;
            var count = Math.Min(Math.Min(buffer.Length, 37), bytes.Length - at);
            bytes.AsSpan(at, count).CopyTo(buffer);
            Given += count;
            if (Given >= WhenGiven.Count && WhenGiven.Count >= 0) WhenGiven.Act();
            return count;
        }
    }
}
