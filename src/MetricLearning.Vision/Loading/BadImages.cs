namespace MetricLearning.Vision;

/// <summary>What a loader does with an image whose file cannot be read or decoded.</summary>
public enum BadImages
{
    /// <summary>Throws when the image's batch is due. The message has the path.</summary>
    Throw,

    /// <summary>Leaves the image out of its batch and reports it in <see cref="ImageLoader.Skipped"/>.</summary>
    Skip,
}
