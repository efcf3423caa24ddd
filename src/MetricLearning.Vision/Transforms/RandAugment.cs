namespace MetricLearning.Vision;

/// <summary>Applies several operations, all at one strength, chosen from fourteen equally likely ones. Cubuk et al., <i>RandAugment</i>,
/// NeurIPS 2020, as in torchvision.</summary>
/// <remarks>There are 31 levels. The operations are none, shears, shifts, rotation, brightness, color, contrast, sharpness, posterizing,
/// solarizing, automatic contrast and equalizing. They match Pillow's bit for bit.</remarks>
public sealed class RandAugment : PixelStep
{
    private const int Bins = 31;

    /// <summary>Augments with this strength.</summary>
    /// <param name="operations">The number of operations that follow each other, 0 or more. Default: 2.</param>
    /// <param name="magnitude">The level, in [0, 30]. Default: 9.</param>
    /// <param name="interpolation">How pixels of rotated, shifted and sheared images are computed. Default:
    /// <see cref="Interpolation.Nearest"/>.</param>
    /// <param name="fill">The color of places outside of the image. Default: black.</param>
    /// <exception cref="ArgumentOutOfRangeException">A value is outside its range.</exception>
    public RandAugment(int operations = 2, int magnitude = 9, Interpolation interpolation = Interpolation.Nearest, Rgb fill = default)
    {
        Operations = Guard.AtLeast(operations, 0);
        Magnitude = (int)Guard.Within(magnitude, 0, Bins - 1);
        Interpolation = Guard.Defined(interpolation);
        Fill = fill;
    }

    /// <summary>The number of operations that follow each other.</summary>
    public int Operations { get; }

    /// <summary>The level.</summary>
    public int Magnitude { get; }

    /// <summary>How pixels are computed.</summary>
    public Interpolation Interpolation { get; }

    /// <summary>The color of places outside of the image.</summary>
    public Rgb Fill { get; }

    /// <inheritdoc/>
    public override void Apply(Picture picture, SeededRandom random)
    {
        Require(picture, random);
        for (var i = 0; i < Operations; i++)
            AugmentationSpace.Of(Bins).Apply(picture, (Augmentation)random.NextInt((int)Augmentation.Invert), Magnitude, random,
                Interpolation, Fill);
    }
}
