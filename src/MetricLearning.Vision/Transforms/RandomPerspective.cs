using System.Numerics;

namespace MetricLearning.Vision;

/// <summary>Tilts the image: each corner moves inwards by a random amount. It is torchvision's RandomPerspective on a Pillow
/// image.</summary>
/// <remarks>Each corner moves by whole pixels, uniform in [0, distortion · half the side] along each axis.</remarks>
public sealed class RandomPerspective : PixelStep
{
    /// <summary>Tilts by up to this amount.</summary>
    /// <param name="distortion">How far corners move, as a share of half the side, in [0, 1]. Default: 0.5.</param>
    /// <param name="probability">The probability that an image is changed, in [0, 1]. Default: 0.5.</param>
    /// <param name="interpolation">How pixels are computed. Default: <see cref="Interpolation.Bilinear"/>.</param>
    /// <param name="fill">The color of places outside of the image. Default: black.</param>
    /// <exception cref="ArgumentOutOfRangeException">A value is outside its range.</exception>
    public RandomPerspective(double distortion = 0.5, double probability = 0.5, Interpolation interpolation = Interpolation.Bilinear,
        Rgb fill = default)
    {
        Distortion = Guard.Within(distortion, 0, 1);
        Probability = Guard.Within(probability, 0, 1);
        Interpolation = Guard.Defined(interpolation);
        Fill = fill;
    }

    /// <summary>How far corners move, as a share of half the side.</summary>
    public double Distortion { get; }

    /// <summary>The probability that an image is changed.</summary>
    public double Probability { get; }

    /// <summary>How pixels are computed.</summary>
    public Interpolation Interpolation { get; }

    /// <summary>The color of places outside of the image.</summary>
    public Rgb Fill { get; }

    /// <inheritdoc/>
    public override void Apply(Picture picture, SeededRandom random)
    {
        Require(picture, random);
        if (random.NextDouble() >= Probability) return;
        var (right, bottom) = (picture.Width - 1, picture.Height - 1);
        int X() => random.NextInt((int)(Distortion * (picture.Width / 2)) + 1);
        int Y() => random.NextInt((int)(Distortion * (picture.Height / 2)) + 1);
        (int X, int Y)[] corners = [(0, 0), (right, 0), (right, bottom), (0, bottom)];
        (int X, int Y)[] moved = [(X(), Y()), (right - X(), Y()), (right - X(), bottom - Y()), (X(), bottom - Y())];
        if (Matrix(moved, corners) is { } matrix) Warp.Apply(picture, matrix, Interpolation, Fill);
    }

    /// <summary>The eight numbers that map each target corner to its source; null if three corners lie on a line. They are solved exactly
    /// and then rounded to float32. torchvision solves in float64 and then rounds; its older versions solve in float32.</summary>
    internal static double[]? Matrix((int X, int Y)[] target, (int X, int Y)[] source)
    {
        var rows = new BigInteger[8][];
        for (var i = 0; i < 4; i++)
        {
            BigInteger x = target[i].X, y = target[i].Y, toX = source[i].X, toY = source[i].Y;
            rows[2 * i] = [x, y, 1, 0, 0, 0, -toX * x, -toX * y, toX];
            rows[2 * i + 1] = [0, 0, 0, x, y, 1, -toY * x, -toY * y, toY];
        }
        // This is fraction-free elimination (Bareiss): no division leaves a remainder.
        BigInteger before = 1;
        for (var k = 0; k < 8; k++)
        {
            var pivot = Array.FindIndex(rows, k, row => !row[k].IsZero);
            if (pivot < 0) return null;
            (rows[k], rows[pivot]) = (rows[pivot], rows[k]);
            for (var i = 0; i < 8; i++)
            {
                if (i == k) continue;
                var factor = rows[i][k];
                for (var j = 0; j < 9; j++) rows[i][j] = (rows[i][j] * rows[k][k] - factor * rows[k][j]) / before;
            }
            before = rows[k][k];
        }
        return [.. rows.Select((row, i) => (double)(float)((double)row[8] / (double)row[i]))];
    }
}
