namespace MetricLearning.Vision;

/// <summary>How far <see cref="ImageLoader.Extract"/> has come.</summary>
/// <remarks>Thread safety: immutable; any number of threads may use it at once.</remarks>
/// <param name="Done">The number of images that are done; images that were skipped or taken from a journal count as done.</param>
/// <param name="Total">The number of all images.</param>
public readonly record struct ExtractionProgress(int Done, int Total);
