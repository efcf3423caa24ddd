namespace MetricLearning.Vision;

/// <summary>A picture that could not be read.</summary>
/// <param name="Path">Its file.</param>
/// <param name="Reason">What is wrong with it.</param>
public sealed record BadImage(string Path, string Reason);
