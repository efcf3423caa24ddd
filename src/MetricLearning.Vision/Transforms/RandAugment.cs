namespace MetricLearning.Vision;

/// <summary>So many operations of fourteen, each equally likely, all at one strength. Cubuk et al., <i>RandAugment</i>, NeurIPS 2020, as
/// torchvision has it.</summary>
/// <remarks>Of 31 levels. Operations: none, shears, shifts, rotation, brightness, color, contrast, sharpness, posterising, solarising,
/// automatic contrast, equalising; Pillow's, to the bit.</remarks>
public sealed class RandAugment : PixelStep
{
    private const int Bins = 31;

    /// <summary>Augments with this strength.</summary>
    /// <param name="operations">How many operations follow each other.</param>
    /// <param name="magnitude">The level, in [0, 30].</param>
    /// <param name="interpolation">How pixels of turned, shifted and sheared pictures are made.</param>
    /// <param name="fill">The color of what comes from outside; black by default.</param>
    public RandAugment(int operations = 2, int magnitude = 9, Interpolation interpolation = Interpolation.Nearest, Rgb fill = default)
    {
        Operations = Guard.AtLeast(operations, 0);
        Magnitude = (int)Guard.Within(magnitude, 0, Bins - 1);
        Interpolation = Guard.Defined(interpolation);
        Fill = fill;
    }

    /// <summary>How many operations follow each other.</summary>
    public int Operations { get; }

    /// <summary>The level.</summary>
    public int Magnitude { get; }

    /// <summary>How pixels are made.</summary>
    public Interpolation Interpolation { get; }

    /// <summary>The color of what comes from outside.</summary>
    public Rgb Fill { get; }

    /// <inheritdoc/>
    public override void Apply(Picture picture, SeededRandom random)
    {
        ArgumentNullException.ThrowIfNull(random);
        for (var i = 0; i < Operations; i++)
            AugmentationSpace.Of(Bins).Apply(picture, (Augmentation)random.NextInt((int)Augmentation.Invert), Magnitude, random,
                Interpolation, Fill);
    }
}
