using static TorchSharp.torch;

namespace MetricLearning.Vision;

/// <summary>A step on the 8-bit pixels, before they are normalized. Derive from it to write your own.</summary>
public abstract class PixelStep : ImageStep
{
    /// <summary>Whether the result depends on the random numbers. The result of the steps before the first random one can be
    /// cached.</summary>
    public virtual bool IsRandom => true;

    /// <summary>The size of an image after this step, if it is the same for all images; null if it depends on the image.</summary>
    /// <param name="before">The size before this step; null if it depends on the image.</param>
    public virtual (int Height, int Width)? SizeAfter((int Height, int Width)? before) => before;

    /// <summary>Changes one image.</summary>
    /// <param name="picture">The image.</param>
    /// <param name="random">The random numbers of this image.</param>
    /// <exception cref="ArgumentException">The library's own steps: an argument is null, or the image has no pixels.</exception>
    public abstract void Apply(Picture picture, SeededRandom random);

    /// <summary>Does to each image of a batch what <see cref="Apply"/> does to one image. Override it together with
    /// <see cref="ImageStep.WorksOnBatches"/>. It runs within a dispose scope.</summary>
    /// <param name="images">The images [N, 3, H, W], uint8, on any device; they stay unchanged.</param>
    /// <param name="random">The random numbers of each image: draw from them as <see cref="Apply"/> does.</param>
    /// <exception cref="NotSupportedException">The step does not work on batches.</exception>
    protected internal virtual Tensor ApplyToBatch(Tensor images, IReadOnlyList<SeededRandom> random) =>
        throw new NotSupportedException($"{GetType().Name} does not work on batches.");

    /// <summary>Refuses an image that is null or has no pixels.</summary>
    internal static void Require(Picture picture)
    {
        ArgumentNullException.ThrowIfNull(picture);
        if (picture.Width == 0)
            throw new ArgumentException("picture must have pixels: decode an image into it first.", nameof(picture));
    }

    /// <summary>Refuses an image that is null or has no pixels, and random numbers that are null.</summary>
    private protected static void Require(Picture picture, SeededRandom random)
    {
        Require(picture);
        ArgumentNullException.ThrowIfNull(random);
    }
}
