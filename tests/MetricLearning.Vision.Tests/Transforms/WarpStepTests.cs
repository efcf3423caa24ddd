using CsCheck;

namespace MetricLearning.Vision.Tests;

public class WarpStepTests
{
    /// <summary>For each point, the matrix undoes shear, scale, rotation and shift about the center.</summary>
    [Fact]
    public void RandomAffine_MatrixUndoesWhatItIsNamedAfter() =>
        Gen.Select(Gen.Double[-180, 180], Gen.Double[-9, 9], Gen.Double[0.3, 3], Gen.Double[-40, 40], Gen.Double[-40, 40]).Sample(
            (angle, shift, scale, shearX, shearY) =>
            {
                var picture = ResizeTests.Noise(20, 14, 1);
                var m = new double[6];
                RandomAffine.Matrix(m, picture, angle, shift, -2 * shift, scale, shearX, shearY);
                foreach (var (x, y) in new[] { (0.0, 0.0), (20, 14), (7, 3) })
                {
                    // Rows of rotation(angle) · shear, as torchvision's formula has them.
                    var (a, sx, sy) = (angle * Math.PI / 180, shearX * Math.PI / 180, shearY * Math.PI / 180);
                    var (u, v) = (x - 10, y - 7);
                    var (p, q) = (u - Math.Tan(sx) * v, v);
                    var toX = Math.Cos(a - sy) / Math.Cos(sy) * p - Math.Sin(a) * q;
                    var toY = Math.Sin(a - sy) / Math.Cos(sy) * p + Math.Cos(a) * q;
                    var (targetX, targetY) = (scale * toX + 10 + shift, scale * toY + 7 - 2 * shift);
                    Assert.Equal(x, m[0] * targetX + m[1] * targetY + m[2], 1e-9);
                    Assert.Equal(y, m[3] * targetX + m[4] * targetY + m[5], 1e-9);
                }
            }, iter: 200);

    /// <summary>torchvision's single number shears along x alone: each row moves as a whole.</summary>
    [Fact]
    public void RandomAffine_ShearsAlongX_AndAlongYByItsOwnNumber()
    {
        var stripes = () => Picture.FromRgb([.. Enumerable.Range(0, 3 * 21 * 15).Select(i => (byte)(i / 3 / 21 * 10 + 10))], 21, 15);
        var fill = new Rgb(1, 1, 1);
        for (ulong seed = 0; seed < 20; seed++)
        {
            var along = CropTests.After(new RandomAffine(shear: 30, fill: fill), stripes(), seed);
            for (var y = 0; y < 15; y++)
                for (var x = 0; x < 21; x++) Assert.Contains(along.Pixels[4 * (21 * y + x)], new byte[] { 1, (byte)(10 * y + 10) });
        }
        Assert.Contains(Enumerable.Range(0, 20), seed => !CropTests.After(new RandomAffine(fill: fill, shearY: 30), stripes(), (ulong)seed)
            .Pixels.ToArray().Where((_, i) => i % 84 < 63 && i % 4 == 0).Take(21).All(value => value is 1 or 10));
    }

    [Fact]
    public void RandomAffine_OfNothing_ChangesNothing()
    {
        foreach (var interpolation in Enum.GetValues<Interpolation>())
        {
            Assert.True(IsWaves(CropTests.After(new RandomAffine(interpolation: interpolation), PillowTests.Waves())), $"{interpolation}");
        }
    }

    [Fact]
    public void RandomAffine_Shifts_ByWholePixelsWithinTheBounds()
    {
        var seen = new HashSet<int>();
        for (ulong seed = 0; seed < 200; seed++)
        {
            var picture = CropTests.After(new RandomAffine(translate: 0.25, fill: new Rgb(9, 9, 9)),
                ResizeTests.Row(1, 2, 3, 4, 5, 6, 7, 8), seed);
            var shift = picture.Pixels[4 * 4] - 5;
            seen.Add(-shift);
            var expected = Enumerable.Range(0, 8).Select(x => x + shift is >= 0 and < 8 ? x + shift + 1 : 9);
            Assert.Equal(expected, Enumerable.Range(0, 8).Select(x => (int)picture.Pixels[4 * x]));
        }
        Assert.Equal([-2, -1, 0, 1, 2], seen.Order());
    }

    [Fact]
    public void RandomRotation_TurnsByUpToItsAngle()
    {
        for (ulong seed = 0; seed < 20; seed++)
        {
            var angle = new SeededRandom(seed).NextDouble(-25, 25);
            var expected = PillowTests.Waves();
            Warp.Rotate(expected, angle, Interpolation.Bilinear, Rgb.Gray);
            var picture = CropTests.After(new RandomRotation(25, Interpolation.Bilinear, Rgb.Gray), PillowTests.Waves(), seed);
            Assert.Equal(Colors(expected), Colors(picture));
        }
    }

    [Fact]
    public void RandomPerspective_SendsTheCornersWhereItDrew()
    {
        (int, int)[] from = [(1, 2), (19, 0), (17, 13), (0, 11)];
        (int, int)[] to = [(0, 0), (20, 0), (20, 14), (0, 14)];
        var m = RandomPerspective.Matrix(from, to)!;
        foreach (var ((x, y), (toX, toY)) in from.Zip(to))
        {
            var w = m[6] * x + m[7] * y + 1;
            Assert.Equal(toX, (m[0] * x + m[1] * y + m[2]) / w, 1e-5);
            Assert.Equal(toY, (m[3] * x + m[4] * y + m[5]) / w, 1e-5);
        }
        Assert.Null(RandomPerspective.Matrix([(0, 0), (0, 0), (0, 0), (0, 0)], to));
        var touched = Enumerable.Range(0, 100).Count(seed =>
            !IsWaves(CropTests.After(new RandomPerspective(0.4), PillowTests.Waves(), (ulong)seed)));
        Assert.InRange(touched, 35, 65);
    }

    internal static bool IsWaves(Picture picture) => Colors(PillowTests.Waves()).SequenceEqual(Colors(picture));

    internal static byte[] Colors(Picture picture)
    {
        var pixels = picture.Pixels.ToArray();
        return [.. Enumerable.Range(0, pixels.Length).Where(i => i % 4 < 3).Select(i => pixels[i])];
    }
}
