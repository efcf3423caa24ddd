using static TorchSharp.torch;

namespace MetricLearning.Vision;

/// <summary>Cuts out the center. A smaller image gets a black border. This is torchvision's CenterCrop.</summary>
/// <param name="height">The height of the cut, 1 or more.</param>
/// <param name="width">The width of the cut, 1 or more.</param>
/// <exception cref="ArgumentOutOfRangeException">A side is less than 1.</exception>
public sealed class CenterCrop(int height, int width) : PixelStep
{
    /// <summary>The height after this step.</summary>
    public int Height { get; } = Guard.AtLeast(height, 1);

    /// <summary>The width after this step.</summary>
    public int Width { get; } = Guard.AtLeast(width, 1);

    /// <inheritdoc/>
    public override bool IsRandom => false;

    /// <inheritdoc/>
    public override bool WorksOnBatches => true;

    /// <inheritdoc/>
    public override (int Height, int Width)? SizeAfter((int Height, int Width)? before) => (Height, Width);

    /// <inheritdoc/>
    public override void Apply(Picture picture, SeededRandom random)
    {
        Require(picture);
        Crop.Apply(picture, Middle(picture.Height, Height), Middle(picture.Width, Width), Height, Width);
    }

    /// <inheritdoc/>
    protected internal override Tensor ApplyToBatch(Tensor images, IReadOnlyList<SeededRandom> random)
    {
        var place = (Middle((int)images.size(2), Height), Middle((int)images.size(3), Width));
        return Crop.Apply(images, [.. random.Select(_ => place)], Height, Width);
    }

    private static int Middle(int of, int size) => of >= size ? (int)Math.Round((of - size) / 2.0) : -((size - of) / 2);
}
