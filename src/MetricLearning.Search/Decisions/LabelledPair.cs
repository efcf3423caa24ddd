namespace MetricLearning.Search;

/// <summary>The score of a pair of which it is known whether both are the same.</summary>
/// <remarks>Thread safety: immutable; any number of threads may use it at once.</remarks>
/// <param name="Score">The score, as a search gives it.</param>
/// <param name="Same">Whether both are the same.</param>
public readonly record struct LabelledPair(double Score, bool Same);
