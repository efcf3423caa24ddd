namespace MetricLearning.Vision;

/// <summary>The counts of a list of images that papers give in their tables.</summary>
/// <remarks>Thread safety: immutable; any number of threads may use it at once.</remarks>
/// <param name="Identities">The number of different identities, without distractors (0) and junk (−1).</param>
/// <param name="Images">The number of all images, distractors and junk included.</param>
/// <param name="Cameras">The number of different cameras; 0 if the cameras are not known.</param>
/// <param name="Distractors">The number of images of identity 0, which match no query. 0 if the list has no cameras.</param>
/// <param name="Junk">The number of images of identity −1, which the protocol ignores. 0 if the list has no cameras.</param>
public readonly record struct ImageListStatistics(int Identities, int Images, int Cameras, int Distractors, int Junk);
