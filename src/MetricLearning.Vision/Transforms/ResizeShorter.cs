using System.Globalization;

namespace MetricLearning.Vision;

/// <summary>Scales so that the shorter side has a fixed length and the aspect ratio stays, as torchvision's <c>Resize(256)</c> does; the
/// longer side is rounded down. It uses <see cref="Resize"/>. <see cref="CenterCrop"/> or <see cref="RandomCrop"/> then fixes the
/// size.</summary>
/// <param name="side">The length of the shorter side, 1 or more. Retrieval on CUB, Cars and SOP uses 256, then a crop of 224 or
/// 227.</param>
/// <param name="filter">How pixels are computed. Default: <see cref="ResizeFilter.Bilinear"/>.</param>
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
    /// <exception cref="InvalidDataException">The image is so narrow that it would get more pixels than both
    /// <see cref="Picture.MaxPixels"/> and <see cref="ImageDecoder.DefaultMaxPixels"/>.</exception>
    public override void Apply(Picture picture, SeededRandom random)
    {
        Require(picture);
        var (height, width) = (picture.Height, picture.Width);
        // A file of 100 bytes may have an image of 1 x 100,000 pixels.
        var longer = (long)Side * Math.Max(height, width) / Math.Min(height, width);
        var most = Math.Max(picture.MaxPixels, ImageDecoder.DefaultMaxPixels);
        if (longer > most / Side)
            throw new InvalidDataException(string.Create(CultureInfo.InvariantCulture,
                $"An image of {width}x{height} would get sides of {Side} and {longer}, which are more than {most:N0} pixels."));
        if (height <= width) new Resize(Side, (int)longer, Filter).Apply(picture, random);
        else new Resize((int)longer, Side, Filter).Apply(picture, random);
    }
}
