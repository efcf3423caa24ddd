namespace MetricLearning.Vision.Tests;

public class CropTests
{
    [Fact]
    public void CenterCrop_TakesTheMiddle_OrPadsWithBlack()
    {
        Assert.Equal([2, 3], Grays(After(new CenterCrop(1, 2), ResizeTests.Row(1, 2, 3, 4))));
        Assert.Equal([0, 7, 8, 0], Grays(After(new CenterCrop(1, 4), ResizeTests.Row(7, 8))));
        var tall = After(new CenterCrop(3, 1), ResizeTests.Row(5));
        Assert.Equal([0, 5, 0], Grays(tall));
        // Half a pixel is rounded to the even number, as in Python: (5 - 2) / 2 = 1.5 to 2, (3 - 2) / 2 = 0.5 to 0.
        Assert.Equal([3, 4], Grays(After(new CenterCrop(1, 2), ResizeTests.Row(1, 2, 3, 4, 5))));
        Assert.Equal([1, 2], Grays(After(new CenterCrop(1, 2), ResizeTests.Row(1, 2, 3))));
    }

    /// <summary>A file of a few bytes may have such an image.</summary>
    [Theory]
    [InlineData(100_000, 1), InlineData(1, 100_000)]
    public void ResizeShorter_RefusesAnImageThatWouldBeHuge(int width, int height)
    {
        var picture = Picture.FromRgb(new byte[3 * width * height], width, height);
        var error = Assert.Throws<InvalidDataException>(() => new ResizeShorter(256).Apply(picture, new SeededRandom(1)));
        Assert.Equal($"An image of {width}x{height} would get sides of 256 and 25600000, which are more than 67,108,864 pixels.",
            error.Message);
        Assert.Equal((width, height), (picture.Width, picture.Height));
    }

    [Theory]
    [InlineData(100, 50, 64, 32)]
    [InlineData(50, 101, 32, 64)]
    [InlineData(10, 10, 32, 32)]
    public void ResizeShorter_KeepsTheRatio(int height, int width, int toHeight, int toWidth)
    {
        var picture = After(new ResizeShorter(32), ResizeTests.Noise(width, height, 1));
        Assert.Equal((toHeight, toWidth), (picture.Height, picture.Width));
    }

    [Fact]
    public void RandomCrop_TakesEachPlaceEquallyOften()
    {
        var random = new SeededRandom(4);
        var step = new RandomCrop(1, 2);
        var counts = new int[4];
        for (var i = 0; i < 900; i++)
        {
            var picture = ResizeTests.Row(1, 2, 3, 4);
            step.Apply(picture, random);
            counts[Grays(picture)[0]]++;
        }
        Assert.Equal(0, counts[0]);
        Assert.All(counts[1..], count => Assert.InRange(count, 240, 360));
        Assert.Equal([9, 0], Grays(After(step, ResizeTests.Row(9))));
    }

    [Fact]
    public void RandomResizedCrop_CutsWithinTheBoundsAndScales()
    {
        var step = new RandomResizedCrop(20, 30, 0.25);
        var random = new SeededRandom(2);
        for (var i = 0; i < 50; i++)
        {
            var picture = new Picture();
            var pixels = picture.Replace(90, 60, out _);
            for (var p = 0; p < pixels.Length; p += 4) (pixels[p], pixels[p + 1]) = ((byte)(p / 4 % 90), (byte)(p / 4 / 90));
            step.Apply(picture, random);
            Assert.Equal((20, 30), (picture.Height, picture.Width));
            var (wide, tall) = (Range(picture, 0) * 30 / 29.0, Range(picture, 1) * 20 / 19.0);
            Assert.InRange(wide * tall / (90 * 60), 0.2, 1.01);
            Assert.InRange(wide / tall, 0.65, 1.55);
        }
        // The image is so wide that no try fits. It takes the largest rectangle of the greatest ratio in the center.
        var row = After(new RandomResizedCrop(1, 1, 1), ResizeTests.Row(0, 0, 0, 0, 50, 0, 0, 0, 0));
        Assert.Equal(50, row.Pixels[0]);
        Assert.Throws<ArgumentOutOfRangeException>(() => new RandomResizedCrop(1, 1, 0));
    }

    [Fact]
    public void Random2DTranslation_IsTheResizeOrACutOfALargerOne()
    {
        var before = ResizeTests.Noise(30, 40, 5);
        var plain = After(new Resize(32, 16), ResizeTests.Noise(30, 40, 5)).Pixels.ToArray();
        var cuts = new Dictionary<string, (int, int)>();
        for (var top = 0; top <= 4; top++)
            for (var left = 0; left <= 2; left++)
            {
                var cut = After(new Resize(36, 18), ResizeTests.Noise(30, 40, 5));
                Crop.Apply(cut, top, left, 32, 16);
                cuts.Add(Convert.ToHexString(cut.Pixels), (top, left));
            }
        var random = new SeededRandom(8);
        var (seen, resized) = (new HashSet<(int, int)>(), 0);
        for (var i = 0; i < 400; i++)
        {
            var picture = ResizeTests.Noise(30, 40, 5);
            new Random2DTranslation(32, 16).Apply(picture, random);
            if (picture.Pixels.SequenceEqual(plain)) resized++;
            else seen.Add(cuts[Convert.ToHexString(picture.Pixels)]);
        }
        Assert.InRange(resized, 160, 240);
        Assert.Equal(15, seen.Count);
    }

    internal static Picture After(PixelStep step, Picture picture, ulong seed = 0)
    {
        step.Apply(picture, new SeededRandom(seed));
        return picture;
    }

    private static int[] Grays(Picture picture)
    {
        var pixels = picture.Pixels.ToArray();
        return [.. Enumerable.Range(0, pixels.Length / 4).Select(i => (int)pixels[4 * i])];
    }

    private static int Range(Picture picture, int channel)
    {
        var pixels = picture.Pixels.ToArray();
        var values = Enumerable.Range(0, pixels.Length / 4).Select(i => (int)pixels[4 * i + channel]).ToArray();
        return values.Max() - values.Min() + 1;
    }
}
