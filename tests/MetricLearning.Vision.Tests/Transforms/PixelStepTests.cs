namespace MetricLearning.Vision.Tests;

public class PixelStepTests
{
    [Fact]
    public void HorizontalFlip_MirrorsEachRow_HalfOfTheTime()
    {
        var picture = ResizeTests.Row(1, 2, 3);
        new HorizontalFlip(1).Apply(picture, new SeededRandom(0));
        Assert.Equal([3, 2, 1], Grays(picture));
        new HorizontalFlip(0).Apply(picture, new SeededRandom(0));
        Assert.Equal([3, 2, 1], Grays(picture));
        var random = new SeededRandom(9);
        var turned = 0;
        for (var i = 0; i < 1000; i++)
        {
            picture = ResizeTests.Row(1, 2);
            new HorizontalFlip().Apply(picture, random);
            if (Grays(picture)[0] == 2) turned++;
        }
        Assert.InRange(turned, 440, 560);
    }

    [Fact]
    public void PadAndCrop_ShiftsByUpToThePaddingAndFillsWithBlack()
    {
        var random = new SeededRandom(3);
        var shifts = new HashSet<(int, int)>();
        for (var i = 0; i < 400; i++)
        {
            var picture = ResizeTests.Noise(6, 5, 7);
            var before = picture.Pixels.ToArray();
            new PadAndCrop(2).Apply(picture, random);
            var found = Enumerable.Range(-2, 5).SelectMany(dy => Enumerable.Range(-2, 5).Select(dx => (dy, dx)))
                .Where(shift => picture.Pixels.SequenceEqual(Shifted(before, 6, 5, shift.dy, shift.dx))).ToArray();
            shifts.Add(Assert.Single(found));
        }
        Assert.Equal(25, shifts.Count);
    }

    [Fact]
    public void PadAndCrop_WiderThanThePicture_LeavesBlack()
    {
        var outcomes = Enumerable.Range(0, 400).Select(seed => CropTests.After(new PadAndCrop(4), ResizeTests.Row(7, 8), (ulong)seed))
            .Select(picture => string.Join(' ', Grays(picture))).CountBy(grays => grays).ToDictionary();
        Assert.Equal(["0 0", "0 7", "7 8", "8 0"], outcomes.Keys.Order());
        // The picture is in sight for one of nine shifts along y and three of nine along x.
        Assert.InRange(outcomes["0 0"], 370, 398);
    }

    private static byte[] Shifted(byte[] pixels, int width, int height, int dy, int dx)
    {
        var result = new byte[pixels.Length];
        for (var y = 0; y < height; y++)
            for (var x = 0; x < width; x++)
                if (y - dy >= 0 && y - dy < height && x - dx >= 0 && x - dx < width)
                    pixels.AsSpan(((y - dy) * width + x - dx) * 4, 4).CopyTo(result.AsSpan((y * width + x) * 4));
        return result;
    }

    private static int[] Grays(Picture picture)
    {
        var pixels = picture.Pixels.ToArray();
        return [.. Enumerable.Range(0, pixels.Length / 4).Select(i => (int)pixels[4 * i])];
    }
}
