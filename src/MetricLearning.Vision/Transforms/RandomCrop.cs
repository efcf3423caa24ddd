namespace MetricLearning.Vision;

/// <summary>Cuts out a rectangle at a random place, each equally likely; a picture that is smaller gets a black border on the right and
/// at the bottom.</summary>
/// <param name="height">The height of the cut.</param>
/// <param name="width">The width of the cut.</param>
public sealed class RandomCrop(int height, int width) : PixelStep
{
    /// <summary>The height after it.</summary>
    public int Height { get; } = Guard.AtLeast(height, 1);

    /// <summary>The width after it.</summary>
    public int Width { get; } = Guard.AtLeast(width, 1);

    /// <inheritdoc/>
    public override (int Height, int Width)? SizeAfter((int Height, int Width)? before) => (Height, Width);

    /// <inheritdoc/>
    public override void Apply(Picture picture, SeededRandom random)
    {
        var top = random.NextInt(Math.Max(picture.Height - Height, 0) + 1);
        var left = random.NextInt(Math.Max(picture.Width - Width, 0) + 1);
        Crop.Apply(picture, top, left, Height, Width);
    }
}
