namespace MetricLearning.Vision;

/// <summary>Why an image is not in its slot of a batch.</summary>
/// <param name="Error">The exception.</param>
/// <param name="IsUnreadable">Whether the image's file could not be read or decoded; otherwise a step failed.</param>
internal readonly record struct SlotError(Exception Error, bool IsUnreadable);
