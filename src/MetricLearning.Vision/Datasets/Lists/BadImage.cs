namespace MetricLearning.Vision;

/// <summary>An image that could not be read.</summary>
/// <remarks>Thread safety: immutable; any number of threads may use it at once.</remarks>
/// <param name="Path">The path of its file.</param>
/// <param name="Reason">What is wrong with the file.</param>
public sealed record BadImage(string Path, string Reason);
