namespace MetricLearning.Vision;

/// <summary>Rotates, shifts, scales and shears about the center by random amounts: torchvision's RandomAffine on a Pillow image.</summary>
/// <remarks>The angle is uniform in [−degrees, degrees]. The shifts are whole pixels, uniform in ± the given share of width and height. The
/// scale is uniform in [minScale, maxScale]. The shear angle along x is uniform in ± shear, that along y in ± shearY. As in torchvision,
/// one number shears along x alone.</remarks>
public sealed class RandomAffine : PixelStep
{
    /// <summary>Moves the image by up to these amounts.</summary>
    /// <param name="degrees">The largest angle, in [0, 180]. Default: 0.</param>
    /// <param name="translate">The largest shift as a share of the side, in [0, 1]. Default: 0.</param>
    /// <param name="minScale">The smallest scale, in (0, maxScale]. Default: 1.</param>
    /// <param name="maxScale">The largest scale. Default: 1.</param>
    /// <param name="shear">The largest shear angle along x in degrees, in [0, 90). Default: 0.</param>
    /// <param name="interpolation">How pixels are computed. Default: <see cref="Interpolation.Nearest"/>.</param>
    /// <param name="fill">The color of places outside of the image. Default: black.</param>
    /// <param name="shearY">The largest shear angle along y in degrees, in [0, 90). Default: 0.</param>
    /// <exception cref="ArgumentOutOfRangeException">A value is outside its range.</exception>
    public RandomAffine(double degrees = 0, double translate = 0, double minScale = 1, double maxScale = 1, double shear = 0,
        Interpolation interpolation = Interpolation.Nearest, Rgb fill = default, double shearY = 0)
    {
        Degrees = Guard.Within(degrees, 0, 180);
        Translate = Guard.Within(translate, 0, 1);
        MaxScale = Guard.Positive(maxScale);
        MinScale = Guard.Positive(Guard.Within(minScale, 0, maxScale), nameof(minScale));
        Shear = Guard.Within(shear, 0, Math.BitDecrement(90.0));
        ShearY = Guard.Within(shearY, 0, Math.BitDecrement(90.0));
        Interpolation = Guard.Defined(interpolation);
        Fill = fill;
    }

    /// <summary>The largest angle in degrees.</summary>
    public double Degrees { get; }

    /// <summary>The largest shift as a share of the side.</summary>
    public double Translate { get; }

    /// <summary>The smallest scale.</summary>
    public double MinScale { get; }

    /// <summary>The largest scale.</summary>
    public double MaxScale { get; }

    /// <summary>The largest shear angle along x in degrees.</summary>
    public double Shear { get; }

    /// <summary>The largest shear angle along y in degrees.</summary>
    public double ShearY { get; }

    /// <summary>How pixels are computed.</summary>
    public Interpolation Interpolation { get; }

    /// <summary>The color of places outside of the image.</summary>
    public Rgb Fill { get; }

    /// <inheritdoc/>
    public override void Apply(Picture picture, SeededRandom random)
    {
        Require(picture, random);
        var angle = random.NextDouble(-Degrees, Degrees);
        var right = Math.Round(random.NextDouble(-1, 1) * Translate * picture.Width);
        var down = Math.Round(random.NextDouble(-1, 1) * Translate * picture.Height);
        var scale = random.NextDouble(MinScale, MaxScale);
        Span<double> matrix = stackalloc double[6];
        Matrix(matrix, picture, angle, right, down, scale, random.NextDouble(-Shear, Shear), random.NextDouble(-ShearY, ShearY));
        Warp.Apply(picture, matrix, Interpolation, Fill);
    }

    /// <summary>The map from target to source: the inverse of shift · center · rotation · shear · scale · −center, as torchvision writes
    /// it.</summary>
    internal static void Matrix(Span<double> matrix, Picture picture, double degrees, double right, double down, double scale,
        double shearX, double shearY)
    {
        var (turn, along, across) = (Warp.Radians(degrees), Warp.Radians(shearX), Warp.Radians(shearY));
        var (x, y) = (picture.Width * 0.5, picture.Height * 0.5);
        var a = Math.Cos(turn - across) / Math.Cos(across);
        var b = -Math.Cos(turn - across) * Math.Tan(along) / Math.Cos(across) - Math.Sin(turn);
        var c = Math.Sin(turn - across) / Math.Cos(across);
        var d = -Math.Sin(turn - across) * Math.Tan(along) / Math.Cos(across) + Math.Cos(turn);
        (matrix[0], matrix[1], matrix[3], matrix[4]) = (d / scale, -b / scale, -c / scale, a / scale);
        matrix[2] = matrix[0] * (-x - right) + matrix[1] * (-y - down) + x;
        matrix[5] = matrix[3] * (-x - right) + matrix[4] * (-y - down) + y;
    }
}
