namespace MetricLearning.Vision;

/// <summary>A step on the 8-bit pixels, before they are normalised. Derive from it to add your own.</summary>
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
}
