namespace MetricLearning.Vision.Tests;

public class RandomErasingTests
{
    private const int Height = 64, Width = 32;

    [Fact]
    public void ErasesOneRectangleWithinTheBounds_HalfOfTheTime()
    {
        var random = new SeededRandom(11);
        var erasing = new RandomErasing();
        var touched = 0;
        for (var i = 0; i < 400; i++)
        {
            var erased = Erase(erasing, random, out var values);
            if (erased.Count == 0) continue;
            touched++;
            var (top, bottom) = (erased.Min(p => p.Y), erased.Max(p => p.Y));
            var (left, right) = (erased.Min(p => p.X), erased.Max(p => p.X));
            var (height, width) = (bottom - top + 1, right - left + 1);
            Assert.Equal(height * width, erased.Count);
            // Sides are rounded, so the bounds hold up to half a pixel per side.
            Assert.InRange((height - 0.5) * (width - 0.5), 0, 0.4 * Height * Width);
            Assert.InRange((height + 0.5) * (width + 0.5), 0.02 * Height * Width, double.MaxValue);
            Assert.InRange((height + 0.5) / (width - 0.5), 0.3, double.MaxValue);
            Assert.InRange((height - 0.5) / (width + 0.5), 0, 1 / 0.3);
            Assert.Equal([0.485f, 0.456f, 0.406f], Enumerable.Range(0, 3).Select(c => values[(c * Height + top) * Width + left]));
        }
        Assert.InRange(touched, 160, 240);
    }

    [Fact]
    public void Order_DecidesWhatTheMeanColorBecomes()
    {
        Erase(new RandomErasing(1, order: ErasingOrder.BeforeNormalization), new SeededRandom(2), out var values);
        Assert.Contains(0f, values);
        Assert.DoesNotContain(0.485f, values);
        Erase(new RandomErasing(1, fill: [1, 1, 1], order: ErasingOrder.BeforeNormalization), new SeededRandom(2), out values);
        Assert.Contains((1 - 0.485f) / 0.229f, values);
    }

    [Fact]
    public void RectanglesThatNeverFit_LeaveThePictureWhole() =>
        Assert.Empty(Erase(new RandomErasing(1, 1, 1, 1), new SeededRandom(4), out _));

    [Fact]
    public void Never_MeansNever() => Assert.Empty(Erase(new RandomErasing(0), new SeededRandom(4), out _));

    [Fact]
    public void BadArguments_AreNamed()
    {
        Assert.Equal("probability", Assert.Throws<ArgumentOutOfRangeException>(() => new RandomErasing(1.5)).ParamName);
        Assert.Equal("minArea", Assert.Throws<ArgumentOutOfRangeException>(() => new RandomErasing(minArea: 0.5)).ParamName);
        Assert.Equal("minAspect", Assert.Throws<ArgumentOutOfRangeException>(() => new RandomErasing(minAspect: 2)).ParamName);
        Expect.Error<ArgumentException>("fill must be three numbers (red, green, blue), got 1.", () => new RandomErasing(fill: [0]));
        Assert.Equal("fill", Assert.Throws<ArgumentOutOfRangeException>(() => new RandomErasing(fill: [0, float.NaN, 0])).ParamName);
    }

    private static List<(int Y, int X)> Erase(RandomErasing erasing, SeededRandom random, out float[] values)
    {
        values = new float[3 * Height * Width];
        Array.Fill(values, 99f);
        erasing.Apply(new ImagePlanes(values, Height, Width, new Normalize()), random);
        var result = values;
        return [.. Enumerable.Range(0, Height * Width).Where(i => result[i] != 99).Select(i => (i / Width, i % Width))];
    }
}
