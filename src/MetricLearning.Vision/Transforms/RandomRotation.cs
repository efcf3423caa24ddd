namespace MetricLearning.Vision;

/// <summary>Rotates about the center by an angle that is uniform in [−degrees, degrees], counter-clockwise. The size stays and the corners
/// are filled. It is torchvision's RandomRotation on a Pillow image.</summary>
public sealed class RandomRotation : PixelStep
{
    /// <summary>Rotates by up to this angle.</summary>
    /// <param name="degrees">The largest angle, in [0, 180].</param>
    /// <param name="interpolation">How pixels are computed. Default: <see cref="Interpolation.Nearest"/>.</param>
    /// <param name="fill">The color of the corners. Default: black.</param>
    /// <exception cref="ArgumentOutOfRangeException">A value is outside its range.</exception>
    public RandomRotation(double degrees, Interpolation interpolation = Interpolation.Nearest, Rgb fill = default)
    {
        Degrees = Guard.Within(degrees, 0, 180);
        Interpolation = Guard.Defined(interpolation);
        Fill = fill;
    }

    /// <summary>The largest angle in degrees.</summary>
    public double Degrees { get; }

    /// <summary>How pixels are computed.</summary>
    public Interpolation Interpolation { get; }

    /// <summary>The color of the corners.</summary>
    public Rgb Fill { get; }

    /// <inheritdoc/>
    public override void Apply(Picture picture, SeededRandom random)
    {
        Require(picture, random);
        Warp.Rotate(picture, random.NextDouble(-Degrees, Degrees), Interpolation, Fill);
    }
}
