namespace MetricLearning.Vision;

/// <summary>Changes brightness, contrast, saturation and hue in random order, each by a random amount: torchvision's ColorJitter on a
/// Pillow picture, operation by operation to the bit.</summary>
/// <remarks>Factors are uniform in [max(0, 1 − s), 1 + s], the turn of the hue in [−h, h] of the circle. A strength of 0 leaves the
/// operation out. torchreid uses 0.2, 0.15, 0, 0; fast-reid 0.15, 0.15, 0.1, 0.1 within <see cref="RandomApply"/> (0.5); SimCLR 0.8, 0.8,
/// 0.8, 0.2 within 0.8.</remarks>
public sealed class ColorJitter : PixelStep
{
    /// <summary>Jitters with these strengths.</summary>
    /// <param name="brightness">0 or more.</param>
    /// <param name="contrast">0 or more.</param>
    /// <param name="saturation">0 or more.</param>
    /// <param name="hue">In [0, 0.5].</param>
    public ColorJitter(double brightness = 0, double contrast = 0, double saturation = 0, double hue = 0)
    {
        Brightness = Guard.NotNegative(brightness);
        Contrast = Guard.NotNegative(contrast);
        Saturation = Guard.NotNegative(saturation);
        Hue = Guard.Within(hue, 0, 0.5);
    }

    /// <summary>The strength of the change of brightness.</summary>
    public double Brightness { get; }

    /// <summary>The strength of the change of contrast.</summary>
    public double Contrast { get; }

    /// <summary>The strength of the change of saturation.</summary>
    public double Saturation { get; }

    /// <summary>The largest turn of the hue.</summary>
    public double Hue { get; }

    /// <inheritdoc/>
    public override void Apply(Picture picture, SeededRandom random)
    {
        ArgumentNullException.ThrowIfNull(random);
        Span<int> order = [0, 1, 2, 3];
        random.Shuffle(order);
        foreach (var operation in order)
        {
            if (operation == 0 && Brightness > 0) PillowColour.Brightness(picture, Factor(Brightness));
            if (operation == 1 && Contrast > 0) PillowColour.Contrast(picture, Factor(Contrast));
            if (operation == 2 && Saturation > 0) PillowColour.Saturation(picture, Factor(Saturation));
            if (operation == 3 && Hue > 0) PillowColour.Hue(picture, random.NextDouble(-Hue, Hue));
        }

        double Factor(double strength) => random.NextDouble(Math.Max(0, 1 - strength), 1 + strength);
    }
}
