using static TorchSharp.torch;

namespace MetricLearning.Vision;

/// <summary>Cuts out a rectangle at a random place; all places are equally likely. A smaller image gets a black border on the right and at
/// the bottom.</summary>
/// <param name="height">The height of the cut, 1 or more.</param>
/// <param name="width">The width of the cut, 1 or more.</param>
/// <exception cref="ArgumentOutOfRangeException">A side is less than 1.</exception>
public sealed class RandomCrop(int height, int width) : PixelStep
{
    /// <summary>The height after this step.</summary>
    public int Height { get; } = Guard.AtLeast(height, 1);

    /// <summary>The width after this step.</summary>
    public int Width { get; } = Guard.AtLeast(width, 1);

    /// <inheritdoc/>
    public override (int Height, int Width)? SizeAfter((int Height, int Width)? before) => (Height, Width);

    /// <inheritdoc/>
    public override bool WorksOnBatches => true;

    /// <inheritdoc/>
    public override void Apply(Picture picture, SeededRandom random)
    {
        Require(picture, random);
        var (top, left) = Place(picture.Height, picture.Width, random);
        Crop.Apply(picture, top, left, Height, Width);
    }

    /// <inheritdoc/>
    protected internal override Tensor ApplyToBatch(Tensor images, IReadOnlyList<SeededRandom> random) =>
        Crop.Apply(images, [.. random.Select(own => Place((int)images.size(2), (int)images.size(3), own))], Height, Width);

    private (int Top, int Left) Place(int height, int width, SeededRandom random)
    {
        var top = random.NextInt(Math.Max(height - Height, 0) + 1);
        return (top, random.NextInt(Math.Max(width - Width, 0) + 1));
    }
}
