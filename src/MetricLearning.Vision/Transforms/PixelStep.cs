using static TorchSharp.torch;

namespace MetricLearning.Vision;

/// <summary>A step on the 8-bit pixels, before they are normalized. Derive from it to add your own.</summary>
public abstract class PixelStep : ImageStep
{
    /// <summary>Whether the outcome depends on the random numbers. What comes before the first random step can be cached.</summary>
    public virtual bool IsRandom => true;

    /// <summary>The size that pictures have after this step, where it is always the same; null where it follows from the
    /// picture's.</summary>
    /// <param name="before">The size before it; null where pictures differ.</param>
    public virtual (int Height, int Width)? SizeAfter((int Height, int Width)? before) => before;

    /// <summary>Changes the picture.</summary>
    public abstract void Apply(Picture picture, SeededRandom random);

    /// <summary>What <see cref="Apply"/> makes of each picture of a batch; override it together with
    /// <see cref="ImageStep.WorksOnBatches"/>. Runs within a dispose scope.</summary>
    /// <param name="images">[N, 3, H, W] uint8, on any device; stays as it is.</param>
    /// <param name="random">The random numbers of each picture: draw from them as <see cref="Apply"/> does.</param>
    protected internal virtual Tensor ApplyToBatch(Tensor images, IReadOnlyList<SeededRandom> random) =>
        throw new NotSupportedException($"{GetType().Name} does not work on batches.");
}
