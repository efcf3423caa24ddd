namespace MetricLearning;

/// <summary>Where a sampler stands: what comes next. Saved in a checkpoint, it resumes in the middle of an epoch.</summary>
/// <param name="Epoch">The epoch being drawn, from 0.</param>
/// <param name="Position">How many indices of it have been handed out.</param>
public readonly record struct SamplerState(int Epoch, long Position);
