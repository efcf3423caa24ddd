namespace MetricLearning.Vision;

/// <summary>What a loader does with an image whose file cannot be read or decoded.</summary>
public enum BadImages
{
    /// <summary>Throw when the image's batch is due; the message has the path.</summary>
    Throw,

    /// <summary>Leave the image out of its batch and report it in <see cref="ImageLoader.Skipped"/>.</summary>
    Skip,
}
