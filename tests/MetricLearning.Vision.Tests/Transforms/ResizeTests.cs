using CsCheck;

namespace MetricLearning.Vision.Tests;

public class ResizeTests
{
    [Fact]
    public void AnySize_IsWithinRoundingOfTheTriangleFilter()
    {
        var side = Gen.Int[1, 40];
        Gen.Select(side, side, side, side, Gen.Int[0, 1000]).Sample((width, height, toWidth, toHeight, seed) =>
        {
            var picture = Noise(width, height, (ulong)seed);
            var before = picture.Pixels.ToArray();
            new Resize(toHeight, toWidth).Apply(picture, new SeededRandom(0));
            Assert.Equal((toWidth, toHeight), (picture.Width, picture.Height));
            for (var y = 0; y < toHeight; y++)
                for (var x = 0; x < toWidth; x++)
                    for (var channel = 0; channel < 3; channel++)
                    {
                        var exact = Filtered(before, width, height, toWidth, toHeight, x, y, channel);
                        Assert.InRange(picture.Pixels[(y * toWidth + x) * 4 + channel] - exact, -1.01, 1.01);
                    }
        }, iter: 60);
    }

    /// <summary>By hand, for a row of 0, 100, 200: the weights between two pixels are 1/4 and 3/4, and the border takes the nearest
    /// pixel.</summary>
    [Fact]
    public void TwiceTheWidth_IsExact()
    {
        var picture = Row(0, 100, 200);
        new Resize(1, 6).Apply(picture, new SeededRandom(0));
        Assert.Equal([0, 25, 75, 125, 175, 200], Enumerable.Range(0, 6).Select(x => (int)picture.Pixels[4 * x]));
    }

    /// <summary>Half the width: a triangle four pixels wide, weights 1/8, 3/8, 3/8, 1/8; at the border 3/7, 3/7, 1/7.</summary>
    [Fact]
    public void HalfTheWidth_IsAntialiased()
    {
        var picture = Row(0, 140, 0, 160, 0, 0);
        new Resize(1, 3).Apply(picture, new SeededRandom(0));
        Assert.Equal([60, 78, 23], Enumerable.Range(0, 3).Select(x => (int)picture.Pixels[4 * x]));
    }

    [Fact]
    public void SameSize_ChangesNothing()
    {
        var picture = Noise(9, 7, 1);
        var before = picture.Pixels.ToArray();
        new Resize(7, 9).Apply(picture, new SeededRandom(0));
        Assert.Equal(before, picture.Pixels.ToArray());
    }

    [Fact]
    public void LongRows_DoNotOverflow()
    {
        var picture = new Picture();
        picture.Replace(99_999, 1, out _).Fill(255);
        new Resize(1, 1).Apply(picture, new SeededRandom(0));
        Assert.Equal([255, 255, 255], picture.Pixels[..3].ToArray());
    }

    [Fact]
    public void BadSize_IsNamed() =>
        Expect.Error<ArgumentOutOfRangeException>("height must be at least 1.", () => new Resize(0, 5));

    internal static Picture Noise(int width, int height, ulong seed)
    {
        var picture = new Picture();
        var random = new SeededRandom(seed);
        foreach (ref var value in picture.Replace(width, height, out _)) value = (byte)random.NextInt(256);
        return picture;
    }

    internal static Picture Row(params byte[] grays)
    {
        var picture = new Picture();
        var pixels = picture.Replace(grays.Length, 1, out _);
        for (var i = 0; i < pixels.Length; i++) pixels[i] = grays[i / 4];
        return picture;
    }

    /// <summary>The filter in both directions at once, in floating point, over every pixel of the image.</summary>
    private static double Filtered(byte[] pixels, int width, int height, int toWidth, int toHeight, int x, int y, int channel)
    {
        var (sum, total) = (0.0, 0.0);
        for (var row = 0; row < height; row++)
            for (var column = 0; column < width; column++)
            {
                var weight = Weight(row, y, height, toHeight) * Weight(column, x, width, toWidth);
                sum += weight * pixels[(row * width + column) * 4 + channel];
                total += weight;
            }
        return sum / total;
    }

    private static double Weight(int from, int to, int length, int toLength)
    {
        var scale = (double)length / toLength;
        return Math.Max(0, 1 - Math.Abs(from + 0.5 - (to + 0.5) * scale) / Math.Max(scale, 1));
    }
}
