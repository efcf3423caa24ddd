namespace MetricLearning.Vision;

/// <summary>Cuts out a random rectangle and scales it to a fixed size (Szegedy et al., CVPR 2015), as in torchvision's
/// RandomResizedCrop.</summary>
/// <remarks>The area is uniform in [minArea, 1] of the image, the logarithm of width / height is uniform in [ln 3/4, ln 4/3], and the place
/// is uniform. If ten rectangles do not fit, it takes the largest one in the center whose ratio is within these bounds. It scales with
/// <see cref="Resize"/>.</remarks>
public sealed class RandomResizedCrop : PixelStep
{
    private const double MinAspect = 3.0 / 4, MaxAspect = 4.0 / 3;

    private readonly Resize resize;

    /// <summary>Cuts and scales to this size.</summary>
    /// <param name="height">The height after this step, 1 or more.</param>
    /// <param name="width">The width after this step, 1 or more.</param>
    /// <param name="minArea">The smallest share of the image, in (0, 1]. Metric learning uses torchvision's 0.08 or the milder 0.16.
    /// Default: 0.08.</param>
    /// <param name="filter">How pixels are computed. Default: <see cref="ResizeFilter.Bilinear"/>.</param>
    /// <exception cref="ArgumentOutOfRangeException">A value is outside its range.</exception>
    public RandomResizedCrop(int height, int width, double minArea = 0.08, ResizeFilter filter = ResizeFilter.Bilinear)
    {
        resize = new Resize(height, width, filter);
        MinArea = Guard.Positive(Guard.Within(minArea, 0, 1), nameof(minArea));
    }

    /// <summary>How pixels are computed.</summary>
    public ResizeFilter Filter => resize.Filter;

    /// <summary>The smallest share of the image that is cut out.</summary>
    public double MinArea { get; }

    /// <inheritdoc/>
    public override (int Height, int Width)? SizeAfter((int Height, int Width)? before) => (resize.Height, resize.Width);

    /// <inheritdoc/>
    public override void Apply(Picture picture, SeededRandom random)
    {
        Require(picture, random);
        var (top, left, height, width) = Draw(picture.Height, picture.Width, random);
        Crop.Apply(picture, top, left, height, width);
        resize.Apply(picture, random);
    }

    private (int Top, int Left, int Height, int Width) Draw(int height, int width, SeededRandom random)
    {
        for (var attempt = 0; attempt < 10; attempt++)
        {
            var area = (double)height * width * random.NextDouble(MinArea, 1);
            var aspect = Math.Exp(random.NextDouble(Math.Log(MinAspect), Math.Log(MaxAspect)));
            var w = (int)Math.Round(Math.Sqrt(area * aspect));
            var h = (int)Math.Round(Math.Sqrt(area / aspect));
            if (w > 0 && w <= width && h > 0 && h <= height)
                return (random.NextInt(height - h + 1), random.NextInt(width - w + 1), h, w);
        }
        var ratio = (double)width / height;
        var (tall, wide) = ratio < MinAspect ? ((int)Math.Round(width / MinAspect), width)
            : ratio > MaxAspect ? (height, (int)Math.Round(height * MaxAspect)) : (height, width);
        return ((height - tall) / 2, (width - wide) / 2, tall, wide);
    }
}
