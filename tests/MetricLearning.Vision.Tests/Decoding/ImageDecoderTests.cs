using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;
using SkiaSharp;

namespace MetricLearning.Vision.Tests;

public sealed class ImageDecoderTests : IDisposable
{
    private readonly TempFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void Png_GivesRedGreenBlue()
    {
        using var bitmap = Bitmap(2, 1, new SKColor(10, 20, 30), new SKColor(200, 100, 50));
        var picture = Picture.Load(folder.Save("a.png", bitmap));
        Assert.Equal((2, 1), (picture.Width, picture.Height));
        Assert.Equal([(10, 20, 30), (200, 100, 50)], Rgb(picture));
    }

    [Fact]
    public void GrayPictures_HaveThreeEqualChannels()
    {
        using var bitmap = new SKBitmap(3, 1, SKColorType.Gray8, SKAlphaType.Opaque);
        bitmap.SetPixel(1, 0, new SKColor(90, 90, 90));
        bitmap.SetPixel(2, 0, SKColors.White);
        Assert.Equal([(0, 0, 0), (90, 90, 90), (255, 255, 255)], Rgb(Picture.Load(folder.Save("gray.png", bitmap))));
        Assert.All(Rgb(Picture.Load(folder.Save("gray.jpg", bitmap))), p => Assert.True(p.R == p.G && p.G == p.B));
    }

    [Fact]
    public void SixteenBits_KeepTheUpperEight()
    {
        var picture = Picture.Load(folder.Write("gray16.png", SampleImages.Gray16));
        Assert.Equal(Enumerable.Range(0, 256).Select(i => (i % 16 * 16, i % 16 * 16, i % 16 * 16)), Rgb(picture));
    }

    [Fact]
    public void PalettePictures_HaveTheColorsOfThePalette()
    {
        var colors = Rgb(Picture.Load(folder.Write("palette.png", SampleImages.Palette))).Distinct().Order();
        Assert.Equal([(57, 57, 52), (62, 175, 109), (176, 61, 109), (179, 179, 167)], colors);
    }

    [Fact]
    public void ProgressiveJpeg_IsDecoded_AndItsTruncationSeen()
    {
        var bytes = SampleImages.Progressive;
        var rgb = Rgb(Picture.Load(folder.Write("progressive.jpg", bytes)));
        Assert.All(rgb.Select((p, i) => (p, x: i % 16, y: i / 16)), c =>
            Assert.True(Math.Abs(c.p.R - 15 * c.x) < 25 && Math.Abs(c.p.G - 15 * c.y) < 25, $"{c}"));
        foreach (var length in new[] { 300, 420, 500 }) Fails(folder.Write("cut.jpg", bytes[..length]));
    }

    [Fact]
    public void Cmyk_IsNotReadAsItsNegative()
    {
        var rgb = Rgb(Picture.Load(folder.Write("cmyk.jpg", SampleImages.Cmyk)));
        Assert.All(Enumerable.Range(0, 16), i => Assert.InRange(rgb[17 * i].R - 15 * i, -40, 40));
    }

    [Theory]
    [MemberData(nameof(ImageKinds.All), MemberType = typeof(ImageKinds))]
    public void EveryKindOfFile_GivesItsColors(PictureKind kind)
    {
        var picture = Picture.Load(folder.Write(kind.Name.Replace(' ', '-'), kind.Bytes));
        Assert.Equal((2, 1), (picture.Width, picture.Height));
        Assert.Equal([kind.First, kind.Second], Rgb(picture));
    }

    [Fact]
    public void Transparency_IsCompositedOverWhite()
    {
        using var bitmap = Bitmap(3, 1, new SKColor(100, 0, 50, 0), new SKColor(100, 0, 50, 51), new SKColor(100, 0, 50, 255));
        Assert.Equal([(255, 255, 255), (224, 204, 214), (100, 0, 50)], Rgb(Picture.Load(folder.Save("alpha.png", bitmap))));
    }

    /// <summary>An image of 2 x 3 blocks, as letters row by row. Upright it is AB / CD / EF.</summary>
    [Theory]
    [InlineData(1, "AB/CD/EF")]
    [InlineData(2, "BA/DC/FE")]
    [InlineData(3, "FE/DC/BA")]
    [InlineData(4, "EF/CD/AB")]
    [InlineData(5, "ACE/BDF")]
    [InlineData(6, "ECA/FDB")]
    [InlineData(7, "FDB/ECA")]
    [InlineData(8, "BDF/ACE")]
    public void ExifOrientation_IsApplied(int orientation, string expected)
    {
        using var bitmap = new SKBitmap(32, 48, SKColorType.Rgba8888, SKAlphaType.Opaque);
        for (var i = 0; i < 6; i++)
            bitmap.Erase(new SKColor((byte)(40 * i), (byte)(40 * i), (byte)(40 * i)), SKRectI.Create(i % 2 * 16, i / 2 * 16, 16, 16));
        var jpeg = File.ReadAllBytes(folder.Save("plain.jpg", bitmap));
        foreach (var asLong in new[] { false, true })
        {
            byte[] exif = [0xFF, 0xE1, 0, 34, .. "Exif\0\0"u8, .. Exif(orientation, asLong)];
            Assert.Equal(expected, Quarters(Picture.Load(folder.Write("turned.jpg", [.. jpeg[..2], .. exif, .. jpeg[2..]]))));
        }
    }

    /// <summary>An image of a red and a blue pixel is turned as Pillow's exif_transpose turns it. A PNG has the EXIF data before or after
    /// the pixels.</summary>
    [Theory]
    [InlineData(1, "rb")]
    [InlineData(2, "br")]
    [InlineData(3, "br")]
    [InlineData(4, "rb")]
    [InlineData(5, "r/b")]
    [InlineData(6, "r/b")]
    [InlineData(7, "b/r")]
    [InlineData(8, "b/r")]
    public void ExifOrientation_IsAppliedInPngAndWebP(int orientation, string expected)
    {
        var kinds = ImageKinds.All.ToDictionary(kind => kind.Data.Name, kind => kind.Data.Bytes);
        var png = kinds["png rgb"];
        foreach (var asLong in new[] { false, true })
        {
            byte[] exif = Exif(orientation, asLong), chunk = PngFile.Chunk("eXIf"u8, exif);
            Assert.Equal(expected, Colors([.. png[..33], .. chunk, .. png[33..]]));
            Assert.Equal(expected, Colors([.. png[..^12], .. chunk, .. png[^12..]]));
            Assert.Equal(expected, Colors(ImageKinds.WebPWith("EXIF"u8, exif)));
            Assert.Equal(expected, Colors(ImageKinds.WebPWith("EXIF"u8, [.. "Exif\0\0"u8, .. exif])));
        }
    }

    /// <summary>The results of Pillow 9.4 for the orientation 6 in other types, as two numbers, and in the texts of a PNG. A turned image
    /// has one pixel above the other.</summary>
    [Fact]
    public void ExifOrientation_OfOtherTypesAndTexts_IsWhatPillowTakesItFor()
    {
        var png = ImageKinds.All.First(kind => kind.Data.Name == "png rgb").Data.Bytes;
        foreach (var (type, isTurned) in new (byte, bool)[]
        {
            (1, false), (2, false), (3, true), (4, true), (6, true), (7, false), (8, true), (9, true), (11, true), (13, true),
        })
            Assert.Equal((type, isTurned ? "r/b" : "rb"), (type, Colors(With("eXIf"u8, Directory(type, 1, type switch
            {
                1 or 2 or 6 or 7 => [6, 0, 0, 0], 3 or 8 => [0, 6, 0, 0], 11 => [0x40, 0xC0, 0, 0], _ => [0, 0, 0, 6],
            })))));
        Assert.Equal("r/b", Colors(With("eXIf"u8, Directory(3, 2, [0, 6, 0, 1]))));
        Assert.Equal("r/b", Colors(With("eXIf"u8, [.. Directory(5, 1, [0, 0, 0, 26]), 0, 0, 0, 12, 0, 0, 0, 2])));

        byte[] exif = Directory(3, 1, [0, 6, 0, 0]), other = Directory(3, 1, [0, 1, 0, 0]);
        var profile = Encoding.ASCII.GetBytes($"\nexif\n      32\n{Convert.ToHexStringLower([.. "Exif\0\0"u8, .. exif])}\n");
        byte[] name = [.. "Raw profile type exif\0"u8], xmp = [.. "XML:com.adobe.xmp\0\0\0\0\0<r tiff:Orientation=\"6\"/>"u8];
        using var packed = new MemoryStream();
        using (var zlib = new ZLibStream(packed, CompressionLevel.Fastest, leaveOpen: true)) zlib.Write(profile);
        Assert.Equal("r/b", Colors(With("tEXt"u8, [.. name, .. profile])));
        Assert.Equal("r/b", Colors(With("zTXt"u8, [.. name, 0, .. packed.ToArray()])));
        Assert.Equal("r/b", Colors(With("iTXt"u8, xmp)));
        Assert.Equal("r/b", Colors(With("iTXt"u8, [.. "XML:com.adobe.xmp\0\0\0\0\0<tiff:Orientation>6</tiff:Orientation>"u8])));
        // EXIF has priority over XMP, and damaged data is ignored.
        Assert.Equal("rb", Colors([.. png[..33], .. PngFile.Chunk("eXIf"u8, other), .. PngFile.Chunk("iTXt"u8, xmp), .. png[33..]]));
        Assert.Equal("rb", Colors(With("zTXt"u8, [.. name, 0, 1, 2, 3])));
        Assert.Equal("rb", Colors(With("tEXt"u8, [.. name, .. "\n\n\nxyz"u8])));
        Assert.Equal("rb", Colors(With("iTXt"u8, [.. "XML:com.adobe.xmp\0\0\0"u8])));

        byte[] With(ReadOnlySpan<byte> kind, byte[] content) => [.. png[..33], .. PngFile.Chunk(kind, content), .. png[33..]];

        static byte[] Directory(byte type, byte count, byte[] value) =>
            [.. "MM\0*"u8, 0, 0, 0, 8, 0, 1, 1, 0x12, 0, type, 0, 0, 0, count, .. value, 0, 0, 0, 0];
    }

    private static string Colors(byte[] file)
    {
        var picture = Picture.Load(file);
        var letters = Rgb(picture).Select(color => color.R > 100 ? 'r' : 'b').ToArray();
        return string.Join('/', letters.Chunk(picture.Width).Select(row => new string(row)));
    }

    /// <summary>Pillow gives these values.</summary>
    [Fact]
    public void EveryPortableAnymap_IsRead()
    {
        Assert.Equal([0, 255, 0, 255, 0, 255], Gray("P1\n# c\n3 2\n1 0 1\n010\n"u8));
        Assert.Equal([0, 255, 0, 0, 255, 255, 255, 255, 255, 0, .. new int[10]],
            Gray([.. "P4\n10 2\n"u8, 0b10110000, 0b01000000, 0xFF, 0xC0]));
        Assert.Equal([42, 128, 255], Gray("P2\n3 1\n6\n1 3 6"u8));
        Assert.Equal([42, 128, 212], Gray([.. "P5 3 1 6\n"u8, 1, 3, 5]));
        Assert.Equal([(128, 3, 252)], Rgb(Picture.Load("P3\n1 1 100\n50 1 # a comment\n99\n"u8)));
        Assert.Equal([(18, 128, 237)], Rgb(Picture.Load([.. "P6 1 1 14\n"u8, 1, 7, 13])));
        Refuses("P1 2 2\n101"u8, "the file ends before the image does");
        Refuses("P1 2 1\n12"u8, "a value of the portable bitmap is neither 0 nor 1");
        Refuses("P2 2 1 9\n1"u8, "the file ends before the image does");
        Refuses("P2 2 1 9\n1 x"u8, "a value of the anymap is not a whole number");
        Refuses("P2 2 1 9\n1 10"u8, "a value of the portable anymap must be in 0 ... 9, got 10");
        Refuses("P4 9 1\n\0"u8, "the file ends before the image does");
        Refuses("P1 99999999 99999999\n1"u8, "pixels allowed.");

        static int[] Gray(ReadOnlySpan<byte> file) => [.. Rgb(Picture.Load(file)).Select(color => color.R == color.B ? color.G : -1)];
    }

    [Fact]
    public void KindsThatAreNotRead_AreNamed()
    {
        Refuses([.. "II*\0"u8, .. new byte[20]], "it is a TIFF file, a format that is not supported; save it as PNG or JPEG.");
        Refuses([.. "MM\0*"u8, .. new byte[20]], "it is a TIFF file");
        Refuses([0, 0, 0, 24, .. "ftypavif"u8, .. new byte[20]], "it is an AVIF file");
        Refuses([0, 0, 0, 24, .. "ftypheic"u8, .. new byte[20]], "it is a HEIF file");
        Refuses([0xFF, 0x0A, .. new byte[20]], "it is a JPEG XL file");
        folder.Draw("set/a.png");
        folder.Write("set/b.tif", [.. "II*\0"u8]);
        Expect.Error<InvalidDataException>(
            $"1 image in {folder.Under("set")} has an unsupported format: b.tif. Save it as PNG or JPEG, or remove it.",
            () => ImageList.FromFlatFolder(folder.Under("set")));
    }

    private static void Refuses(ReadOnlySpan<byte> file, string message)
    {
        var copy = file.ToArray();
        Expect.Error<InvalidDataException>(message, () => Picture.Load(copy));
    }

    /// <summary>A TIFF structure of one entry, as SHORT or as LONG.</summary>
    private static byte[] Exif(int orientation, bool asLong) =>
        [.. "MM\0*"u8, 0, 0, 0, 8, 0, 1, 1, 0x12, 0, (byte)(asLong ? 4 : 3), 0, 0, 0, 1,
        0, asLong ? (byte)0 : (byte)orientation, 0, asLong ? (byte)orientation : (byte)0, 0, 0, 0, 0];

    private static string Quarters(Picture picture)
    {
        var (columns, rows) = (picture.Width / 16, picture.Height / 16);
        var rgb = Rgb(picture);
        var letters = Enumerable.Range(0, rows).Select(y => string.Concat(Enumerable.Range(0, columns)
            .Select(x => (char)('A' + (rgb[(y * 16 + 8) * picture.Width + x * 16 + 8].R + 20) / 40))));
        return string.Join('/', letters);
    }

    [Fact]
    public void Missing_IsFileNotFoundWithThePath()
    {
        var path = Path.Combine(folder.Path, "gone.jpg");
        Expect.Error<FileNotFoundException>($"{path}: there is no such file.", () => Picture.Load(path));
    }

    [Fact]
    public void BrokenFiles_SayWhatIsWrong()
    {
        var png = File.ReadAllBytes(folder.Draw("good.png"));
        var jpeg = File.ReadAllBytes(folder.Draw("good.jpg", width: 64, height: 128));
        Fails(folder.Write("empty.jpg"), ": the file is empty.");
        Fails(folder.Write("text.jpg", [.. "<html>404</html>"u8]), ": it is not an image of a supported format, or its header is broken.");
        Fails(folder.Write("start.jpg", jpeg[..20]), ": it is not an image of a supported format, or its header is broken.");
        foreach (var share in new[] { 0.5, 0.7, 0.85 })
        {
            Fails(folder.Write("cut.jpg", jpeg[..(int)(jpeg.Length * share)]), ": the file ends before the image does.");
            Fails(folder.Write("cut.png", png[..(int)(png.Length * share)]));
        }
    }

    [Fact]
    public void HugeDimensions_AreRefusedBeforeMemoryIsTaken()
    {
        var png = File.ReadAllBytes(folder.Draw("good.png"));
        BinaryPrimitives.WriteInt32BigEndian(png.AsSpan(16), 60_000);
        BinaryPrimitives.WriteInt32BigEndian(png.AsSpan(20), 60_000);
        BinaryPrimitives.WriteUInt32BigEndian(png.AsSpan(29), PngFile.CheckSum(png.AsSpan(12, 17)));
        var before = GC.GetAllocatedBytesForCurrentThread();
        Fails(folder.Write("huge.png", png), ": 60000x60000 is more than the 67,108,864 pixels allowed; MaxPixels sets the limit.");
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 10_000_000);
        Fails(folder.Write("huge.pgm", [.. "P5 99999999 99999999 255\n"u8]), " pixels allowed; MaxPixels sets the limit.");
    }

    /// <summary>The GIF file has 29 bytes, and declares 4096 x 4096 pixels.</summary>
    [Fact]
    public void MaxPixels_IsASettingOfEveryWayToDecode()
    {
        var gif = folder.Write("small.gif", [.. "GIF89a"u8, 0, 16, 0, 16, 0, 0, 0, 0x2C, 0, 0, 0, 0, 0, 16, 0, 16, 0, 2, 2,
            0x4C, 1, 0, 0x3B]);
        var png = folder.Draw("a.png", width: 20, height: 10);
        const string fault = "a.png: 20x10 is more than the 199 pixels allowed; MaxPixels sets the limit.";
        Assert.Equal(20, Picture.Load(png, 200).Width);
        Expect.Error<InvalidDataException>(fault, () => Picture.Load(png, 199));
        Expect.Error<InvalidDataException>(fault, () => ImageTransform.ForEvaluation().Read(png, maxPixels: 199));
        var list = new ImageList([new(png, 0, 0)]);
        Expect.Error<InvalidDataException>(fault, () => new RandomPatch(list, 8, 8, 1, maxPixels: 199));
        var loader = new ImageLoader(list, ImageTransform.ForEvaluation(8, 8)) { MaxPixels = 199 };
        Expect.Error<InvalidDataException>(fault, () => loader.Batches(1).First());
        Expect.Error<InvalidDataException>("small.gif: 4096x4096 is more than the 1,000 pixels allowed", () => Picture.Load(gif, 1000));
    }

    [Fact]
    public void PortableAnymaps_AreRead()
    {
        var gray = Picture.Load(folder.Write("a.pgm", [.. "P5\n# a comment\n2 1\n100\n"u8, 0, 50]));
        Assert.Equal([(0, 0, 0), (128, 128, 128)], Rgb(gray));
        var color = Picture.Load(folder.Write("a.ppm", [.. "P6 1 2 255\n"u8, 1, 2, 3, 4, 5, 6]));
        Assert.Equal([(1, 2, 3), (4, 5, 6)], Rgb(color));
        var deep = Picture.Load(folder.Write("b.pgm", [.. "P5 2 1 65535\n"u8, 255, 255, 128, 0]));
        Assert.Equal([(255, 255, 255), (128, 128, 128)], Rgb(deep));
        Fails(folder.Write("cut.ppm", [.. "P6 1 2 255\n"u8, 1, 2, 3]), ": the file ends before the image does.");
        Fails(folder.Write("head.pgm", [.. "P5 2 x"u8]), ": the header of the portable anymap is not valid.");
        Fails(folder.Write("zero.pgm", [.. "P5 0 3 255\n"u8]), ": a size of 0x3 is not valid.");
        Fails(folder.Write("deep.pgm", [.. "P5 1 1 70000\n"u8, 0]), " got 70000.");
    }

    /// <summary>Opening a pipe would wait until somebody writes into it.</summary>
    [Fact]
    public void NamedPipesAndDevices_AreNotOpened()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows has no such files.");
        var pipe = folder.Under("pipe.jpg");
        Shell.Run("mkfifo \"$0\"", pipe);
        var device = folder.Under("device.jpg");
        File.CreateSymbolicLink(device, "/dev/zero");
        var link = folder.Under("link.jpg");
        File.CreateSymbolicLink(link, "pipe.jpg");
        foreach (var path in new[] { pipe, device, link }) Fails(path, ": the file is empty.");
    }

    [Fact]
    public void SymbolicLinks_AreFollowed()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows asks for a right to make symbolic links.");
        folder.Draw("a.png", width: 5, height: 7);
        File.CreateSymbolicLink(folder.Under("b.png"), "a.png");
        File.CreateSymbolicLink(folder.Under("c.png"), "b.png");
        var picture = Picture.Load(folder.Under("c.png"));
        Assert.Equal((5, 7), (picture.Width, picture.Height));
        File.Delete(folder.Under("a.png"));
        Expect.Error<FileNotFoundException>($"{folder.Under("c.png")}: it is a link to {folder.Under("a.png")}, and there is no such file.",
            () => Picture.Load(folder.Under("c.png")));
    }

    /// <summary>A file that cannot be decoded changes nothing, also if the fault is found late.</summary>
    [Fact]
    public void AfterAnError_ThePictureHasTheImageThatItHad()
    {
        var jpeg = File.ReadAllBytes(folder.Draw("whole.jpg"));
        byte[] before = [.. Enumerable.Range(0, 12).Select(i => (byte)i)];
        byte[][] broken = [jpeg[..^40], [.. "P3 2 2 255 1 2 3 4 5 6 7 8 9 10 11 xx"u8], [.. "P2 1 1 9 10"u8], [.. "P6 9 9 255 1"u8], []];
        foreach (var bytes in broken)
        {
            var picture = Picture.FromRgb(before, 2, 2);
            for (var time = 0; time < 2; time++)
            {
                Assert.Throws<InvalidDataException>(() => ImageDecoder.Decode(bytes, picture));
                Assert.Equal((2, 2), (picture.Width, picture.Height));
                for (var i = 0; i < 12; i++) Assert.Equal(before[i], picture.Pixels[i / 3 * Picture.BytesPerPixel + i % 3]);
                Assert.Throws<OverflowException>(() => picture.Replace(1 << 20, 1 << 20, out _));
            }
            ImageDecoder.Decode(jpeg, picture);
            Assert.Equal(Picture.Load(jpeg).Pixels.ToArray(), picture.Pixels.ToArray());
        }
    }

    /// <summary>Decoding any bytes succeeds or says what is wrong.</summary>
    [Fact]
    public void RandomDamage_NeverGetsPastTheDecoder()
    {
        var random = new SeededRandom(5);
        var (whole, faults) = (0, 0);
        byte[][] sources =
        [
            File.ReadAllBytes(folder.Draw("g.png")), File.ReadAllBytes(folder.Draw("g.jpg")), [.. "P6 2 2 255\n"u8, .. new byte[12]],
            .. ImageKinds.All.Select(kind => kind.Data.Bytes),
        ];
        for (var i = 0; i < 1000; i++)
        {
            byte[] bytes = [.. sources[i % sources.Length]];
            for (var change = 0; change < 4; change++) bytes[random.NextInt(bytes.Length)] = (byte)random.NextInt(256);
            var path = folder.Write("damaged", bytes[..(bytes.Length - random.NextInt(bytes.Length / 2))]);
            try
            {
                Picture.Load(path);
                whole++;
            }
            catch (InvalidDataException e)
            {
                Assert.StartsWith($"{path}: ", e.Message, StringComparison.Ordinal);
                faults++;
            }
        }
        Assert.Equal(1000, whole + faults);
        Assert.True(faults > 100, $"{faults}");
    }

    private static void Fails(string path, string ending = ".")
    {
        var message = Assert.Throws<InvalidDataException>(() => Picture.Load(path)).Message;
        Assert.StartsWith($"{path}: ", message, StringComparison.Ordinal);
        Assert.EndsWith(ending, message, StringComparison.Ordinal);
    }

    private static SKBitmap Bitmap(int width, int height, params SKColor[] colors)
    {
        var bitmap = new SKBitmap(width, height, SKColorType.Rgba8888, SKAlphaType.Unpremul);
        bitmap.Pixels = colors;
        return bitmap;
    }

    private static (int R, int G, int B)[] Rgb(Picture picture)
    {
        var pixels = picture.Pixels.ToArray();
        return [.. Enumerable.Range(0, pixels.Length / 4)
            .Select(i => ((int)pixels[4 * i], (int)pixels[4 * i + 1], (int)pixels[4 * i + 2]))];
    }
}
