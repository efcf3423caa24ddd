namespace MetricLearning.Vision;

/// <summary>Puts a black border around the picture and cuts its own size out at a random place: a shift by up to
/// <see cref="Padding"/> pixels each way. Luo et al., <i>Bag of Tricks</i>, CVPRW 2019, with 10.</summary>
public sealed class PadAndCrop(int padding = 10) : PixelStep
{
    /// <summary>The width of the border in pixels.</summary>
    public int Padding { get; } = Guard.AtLeast(padding, 0);

    /// <inheritdoc/>
    public override void Apply(Picture picture, SeededRandom random)
    {
        var right = random.NextInt(2 * Padding + 1) - Padding;
        var down = random.NextInt(2 * Padding + 1) - Padding;
        Crop.Apply(picture, -down, -right, picture.Height, picture.Width);
    }
}
