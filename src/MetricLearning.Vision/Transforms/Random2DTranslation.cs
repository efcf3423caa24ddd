namespace MetricLearning.Vision;

/// <summary>With a probability, scales the image to 1.125 times the target size and cuts the target size out at a random place. Otherwise
/// scales it to the target size. This is torchreid's Random2DTranslation (its option <c>random_crop</c>).</summary>
/// <remarks>The enlarged sides are rounded, a half to even. The place is uniform in [0, margin] and then rounded in the same way, so places
/// at the border are half as likely as others.</remarks>
public sealed class Random2DTranslation : PixelStep
{
    private readonly Resize plain, larger;

    /// <summary>Scales and cuts to this size.</summary>
    /// <param name="height">The height after this step, 1 or more. Default: 256.</param>
    /// <param name="width">The width after this step, 1 or more. Default: 128.</param>
    /// <param name="probability">The probability that the image is enlarged and cut, in [0, 1]. Default: 0.5.</param>
    /// <exception cref="ArgumentOutOfRangeException">A value is outside its range.</exception>
    public Random2DTranslation(int height = 256, int width = 128, double probability = 0.5)
    {
        plain = new Resize(height, width);
        larger = new Resize((int)Math.Round(height * 1.125), (int)Math.Round(width * 1.125));
        Probability = Guard.Within(probability, 0, 1);
    }

    /// <summary>The probability that the image is enlarged and cut.</summary>
    public double Probability { get; }

    /// <inheritdoc/>
    public override (int Height, int Width)? SizeAfter((int Height, int Width)? before) => (plain.Height, plain.Width);

    /// <inheritdoc/>
    public override void Apply(Picture picture, SeededRandom random)
    {
        Require(picture, random);
        if (random.NextDouble() >= Probability)
        {
            plain.Apply(picture, random);
            return;
        }
        larger.Apply(picture, random);
        var left = (int)Math.Round(random.NextDouble(0, larger.Width - plain.Width));
        var top = (int)Math.Round(random.NextDouble(0, larger.Height - plain.Height));
        Crop.Apply(picture, top, left, plain.Height, plain.Width);
    }
}
