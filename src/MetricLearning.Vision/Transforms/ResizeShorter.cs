namespace MetricLearning.Vision;

/// <summary>Scales so that the shorter side has a fixed length and the aspect ratio stays, as torchvision's <c>Resize(256)</c> does; the
/// longer side is rounded down. It uses <see cref="Resize"/>. <see cref="CenterCrop"/> or <see cref="RandomCrop"/> then fixes the
/// size.</summary>
/// <param name="side">The length of the shorter side, 1 or more. Retrieval on CUB, Cars and SOP uses 256, then a crop of 224 or
/// 227.</param>
/// <param name="filter">How pixels are computed.</param>
/// <exception cref="ArgumentOutOfRangeException"><paramref name="side"/> is less than 1, or the filter is not defined.</exception>
public sealed class ResizeShorter(int side, ResizeFilter filter = ResizeFilter.Bilinear) : PixelStep
{
    /// <summary>The length of the shorter side after this step.</summary>
    public int Side { get; } = Guard.AtLeast(side, 1);

    /// <summary>How pixels are computed.</summary>
    public ResizeFilter Filter { get; } = Guard.Defined(filter);

    /// <inheritdoc/>
    public override bool IsRandom => false;

    /// <inheritdoc/>
    public override (int Height, int Width)? SizeAfter((int Height, int Width)? before) => null;

    /// <inheritdoc/>
    public override void Apply(Picture picture, SeededRandom random)
    {
        Require(picture);
        var (height, width) = (picture.Height, picture.Width);
        if (height <= width) new Resize(Side, (int)((long)Side * width / height), Filter).Apply(picture, random);
        else new Resize((int)((long)Side * height / width), Side, Filter).Apply(picture, random);
    }
}
