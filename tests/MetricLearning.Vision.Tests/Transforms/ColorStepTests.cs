using CsCheck;

namespace MetricLearning.Vision.Tests;

public class ColorStepTests
{
    [Fact]
    public void ColorJitter_OfOneKind_IsThatOperationAtAFactorWithinTheBounds()
    {
        var factors = new List<double>();
        for (ulong seed = 0; seed < 300; seed++)
        {
            var picture = ResizeTests.Row(100);
            new ColorJitter(brightness: 0.4).Apply(picture, new SeededRandom(seed));
            factors.Add(picture.Pixels[0] / 100.0);
        }
        Assert.InRange(factors.Min(), 0.6, 0.63);
        Assert.InRange(factors.Max(), 1.37, 1.4);
        Assert.InRange(factors.Average(), 0.96, 1.03);
        // With a strength far above 1, the factor is not negative and the result does not overflow: black stays black, gray becomes white.
        for (ulong seed = 0; seed < 20; seed++)
        {
            var far = CropTests.After(new ColorJitter(brightness: 1e9), ResizeTests.Row(0, 100), seed);
            Assert.Equal((0, 255), (far.Pixels[0], far.Pixels[4]));
        }
    }

    [Fact]
    public void ColorJitter_OfAllKinds_DependsOnTheSeedAlone()
    {
        var outcomes = new HashSet<string>();
        for (ulong seed = 0; seed < 40; seed++)
        {
            var both = CropTests.After(new ColorJitter(0.5, 0.5, 0.5, 0.2), PillowTests.Waves(), seed);
            Assert.True(outcomes.Add(Convert.ToHexString(WarpStepTests.Colors(both))));
            var again = CropTests.After(new ColorJitter(0.5, 0.5, 0.5, 0.2), PillowTests.Waves(), seed);
            Assert.Equal(WarpStepTests.Colors(both), WarpStepTests.Colors(again));
        }
        Assert.True(WarpStepTests.IsWaves(CropTests.After(new ColorJitter(), PillowTests.Waves())));
        Expect.Error<ArgumentOutOfRangeException>("hue must be in [0, 0.5].", () => new ColorJitter(hue: 0.6));
    }

    [Fact]
    public void RandomGrayscale_MakesEqualChannels_SoManyTimes()
    {
        var random = new SeededRandom(1);
        var gray = 0;
        for (var i = 0; i < 500; i++)
        {
            var picture = new Picture();
            byte[] pixel = [200, 100, 50, 0];
            pixel.CopyTo(picture.Replace(1, 1, out _));
            new RandomGrayscale(0.2).Apply(picture, random);
            if (picture.Pixels[0] == 200) continue;
            gray++;
            Assert.Equal([124, 124, 124], picture.Pixels[..3].ToArray());
        }
        Assert.InRange(gray, 70, 130);
        Assert.False(new RandomGrayscale(1).IsRandom);
    }

    [Fact]
    public void RandomApply_IsTheStepOrNothing()
    {
        var step = new RandomApply(new HorizontalFlip(1), 0.3);
        var random = new SeededRandom(3);
        var turned = Enumerable.Range(0, 1000).Count(_ =>
        {
            var picture = ResizeTests.Row(1, 2);
            step.Apply(picture, random);
            return picture.Pixels[0] == 2;
        });
        Assert.InRange(turned, 250, 350);
        Assert.Equal((4, 5), step.SizeAfter((4, 5)));
        Assert.Null(new RandomApply(new Resize(1, 1)).SizeAfter((4, 5)));
    }

    [Fact]
    public void GaussianBlur_IsTheWeightedMeanOfTheMirroredNeighborhood() =>
        Gen.Select(Gen.Int[1, 12], Gen.Int[1, 12], Gen.Int[0, 4], Gen.Double[0.1, 3], Gen.Int[0, 100])
            .Sample((width, height, half, sigma, seed) =>
        {
            var picture = ResizeTests.Noise(width, height, (ulong)seed);
            var before = picture.Pixels.ToArray();
            new GaussianBlur(2 * half + 1, sigma, sigma, 1).Apply(picture, new SeededRandom(0));
            for (var y = 0; y < height; y++)
                for (var x = 0; x < width; x++)
                    for (var channel = 0; channel < 3; channel++)
                    {
                        var (sum, total) = (0.0, 0.0);
                        for (var dy = -half; dy <= half; dy++)
                            for (var dx = -half; dx <= half; dx++)
                            {
                                var weight = Math.Exp(-(dx * dx + dy * dy) / (2 * sigma * sigma));
                                total += weight;
                                sum += weight * before[(Mirrored(y + dy, height) * width + Mirrored(x + dx, width)) * 4 + channel];
                            }
                        Assert.InRange(picture.Pixels[(y * width + x) * 4 + channel] - sum / total, -0.501, 0.501);
                    }
        }, iter: 60);

    private static int Mirrored(int place, int length)
    {
        while (length > 1 && (place < 0 || place >= length)) place = place < 0 ? -place : 2 * (length - 1) - place;
        return length == 1 ? 0 : place;
    }
}
