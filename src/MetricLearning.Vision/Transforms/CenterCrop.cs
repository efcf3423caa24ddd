using static TorchSharp.torch;

namespace MetricLearning.Vision;

/// <summary>Cuts the middle out; a picture that is smaller gets a black border. torchvision's CenterCrop.</summary>
/// <param name="height">The height of the cut.</param>
/// <param name="width">The width of the cut.</param>
public sealed class CenterCrop(int height, int width) : PixelStep
{
    /// <summary>The height after it.</summary>
    public int Height { get; } = Guard.AtLeast(height, 1);

    /// <summary>The width after it.</summary>
    public int Width { get; } = Guard.AtLeast(width, 1);

    /// <inheritdoc/>
    public override bool IsRandom => false;

    /// <inheritdoc/>
    public override bool WorksOnBatches => true;

    /// <inheritdoc/>
    public override (int Height, int Width)? SizeAfter((int Height, int Width)? before) => (Height, Width);

    /// <inheritdoc/>
    public override void Apply(Picture picture, SeededRandom random) => Crop.Apply(picture,
        Middle(picture.Height, Height), Middle(picture.Width, Width), Height, Width);

    /// <inheritdoc/>
    protected internal override Tensor ApplyToBatch(Tensor images, IReadOnlyList<SeededRandom> random)
    {
        var place = (Middle((int)images.size(2), Height), Middle((int)images.size(3), Width));
        return Crop.Apply(images, [.. random.Select(_ => place)], Height, Width);
    }

    private static int Middle(int of, int size) => of >= size ? (int)Math.Round((of - size) / 2.0) : -((size - of) / 2);
}
