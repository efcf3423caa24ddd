namespace MetricLearning.Vision;

/// <summary>What a loader does with a picture that cannot be read.</summary>
public enum BadImages
{
    /// <summary>Throws when the picture's batch is due; the message has the path.</summary>
    Throw,

    /// <summary>Leaves it out of its batch and reports it in <see cref="ImageLoader.Skipped"/>.</summary>
    Skip,
}
