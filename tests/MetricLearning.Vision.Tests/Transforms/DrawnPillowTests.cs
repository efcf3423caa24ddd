using System.Globalization;
using System.Security.Cryptography;

namespace MetricLearning.Vision.Tests;

/// <summary>Tests that steps with drawn parameters change noise of drawn sizes bit for bit as Pillow does (Golden/drawn.py).</summary>
public class DrawnPillowTests
{
    [Theory]
    [InlineData("resize", 300)]
    [InlineData("rotate", 300)]
    [InlineData("affine", 200)]
    [InlineData("perspective", 225)]
    public void EveryByte_IsPillows(string kind, int cases)
    {
        var lines = Lines().Where(words => words[0] == kind).ToArray();
        Assert.Equal(cases, lines.Length);
        Assert.Empty(lines.Where(words => Hash(Changed(words)) != words[^1]).Select(words => string.Join(' ', words)));
    }

    private static IEnumerable<string[]> Lines()
    {
        using var file = typeof(DrawnPillowTests).Assembly.GetManifestResourceStream("drawn.txt")!;
        using var reader = new StreamReader(file);
        while (reader.ReadLine() is { } line) yield return line.Split(' ');
    }

    private static Picture Changed(string[] words)
    {
        var (width, height) = (Whole(1), Whole(2));
        var picture = Noise(width, height, (uint)Whole(3));
        if (words[0] == "resize")
        {
            new Resize(Whole(6), Whole(5), Enum.Parse<ResizeFilter>(words[4], ignoreCase: true)).Apply(picture, new SeededRandom(0));
            return picture;
        }
        var how = Enum.Parse<Interpolation>(words[4], ignoreCase: true);
        if (words[0] == "rotate") Warp.Rotate(picture, Number(5), how, Rgb.Gray);
        else if (words[0] == "affine")
        {
            var matrix = new double[6];
            RandomAffine.Matrix(matrix, picture, Number(5), Number(6), Number(7), Number(8), Number(9), Number(10));
            Warp.Apply(picture, matrix, how, Rgb.Gray);
        }
        else
        {
            var (right, bottom) = (width - 1, height - 1);
            var moved = Enumerable.Range(0, 4).Select(corner => (Whole(5 + 2 * corner), Whole(6 + 2 * corner))).ToArray();
            Warp.Apply(picture, RandomPerspective.Matrix(moved, [(0, 0), (right, 0), (right, bottom), (0, bottom)])!, how, Rgb.Gray);
        }
        return picture;

        int Whole(int word) => int.Parse(words[word], CultureInfo.InvariantCulture);

        double Number(int word) => double.Parse(words[word], CultureInfo.InvariantCulture);
    }

    private static Picture Noise(int width, int height, uint seed)
    {
        var rgb = new byte[3 * width * height];
        for (var i = 0; i < rgb.Length; i++)
        {
            var (x, y, channel) = ((uint)(i / 3 % width), (uint)(i / 3 / width), (uint)(i % 3));
            var hash = x * 73856093 ^ y * 19349663 ^ (channel + 1) * 83492791 ^ seed * 2654435761;
            hash ^= hash >> 15;
            hash *= 2246822519;
            hash ^= hash >> 13;
            rgb[i] = (byte)hash;
        }
        return Picture.FromRgb(rgb, width, height);
    }

    private static string Hash(Picture picture) => Convert.ToHexStringLower(SHA256.HashData(WarpStepTests.Colors(picture)))[..16];
}
