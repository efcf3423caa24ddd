namespace MetricLearning.Vision;

/// <summary>One step of an <see cref="ImageTransform"/>: a <see cref="PixelStep"/>, <see cref="Normalize"/> or a <see cref="PlaneStep"/>.
/// Steps are immutable and used by several threads at once.</summary>
public abstract class ImageStep
{
    private protected ImageStep()
    {
    }

    /// <summary>Whether the step can also change a whole batch at once, on any device: see
    /// <see cref="ImageTransform.BatchSteps"/>.</summary>
    public virtual bool WorksOnBatches => false;
}
