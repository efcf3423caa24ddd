namespace MetricLearning.Vision;

/// <summary>One step of an <see cref="ImageTransform"/>: a <see cref="PixelStep"/>, <see cref="Normalize"/> or a
/// <see cref="PlaneStep"/>.</summary>
/// <remarks>Thread safety: immutable; any number of threads may use it at once, each with its own image and its own
/// <see cref="SeededRandom"/>. A step that you derive must allow this too.</remarks>
public abstract class ImageStep
{
    private protected ImageStep()
    {
    }

    /// <summary>Whether the step can also change a whole batch at once, on any device: see
    /// <see cref="ImageTransform.BatchSteps"/>.</summary>
    public virtual bool WorksOnBatches => false;
}
