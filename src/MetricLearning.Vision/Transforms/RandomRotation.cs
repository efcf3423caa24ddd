namespace MetricLearning.Vision;

/// <summary>Turns about the middle by an angle uniform in [−degrees, degrees], counter-clockwise; the size stays and the corners are
/// filled. torchvision's RandomRotation on a Pillow picture.</summary>
public sealed class RandomRotation : PixelStep
{
    /// <summary>Turns by up to this angle.</summary>
    /// <param name="degrees">The largest angle, in [0, 180].</param>
    /// <param name="interpolation">How pixels are made.</param>
    /// <param name="fill">The color of the corners; black by default.</param>
    public RandomRotation(double degrees, Interpolation interpolation = Interpolation.Nearest, Rgb fill = default)
    {
        Degrees = Guard.Within(degrees, 0, 180);
        Interpolation = Guard.Defined(interpolation);
        Fill = fill;
    }

    /// <summary>The largest angle.</summary>
    public double Degrees { get; }

    /// <summary>How pixels are made.</summary>
    public Interpolation Interpolation { get; }

    /// <summary>The color of the corners.</summary>
    public Rgb Fill { get; }

    /// <inheritdoc/>
    public override void Apply(Picture picture, SeededRandom random)
    {
        ArgumentNullException.ThrowIfNull(random);
        Warp.Rotate(picture, random.NextDouble(-Degrees, Degrees), Interpolation, Fill);
    }
}
