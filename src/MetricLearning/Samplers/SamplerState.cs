namespace MetricLearning;

/// <summary>The position of a sampler: the epoch, and the number of indices of it that were given. A checkpoint saves it, so that a run
/// resumes in the middle of an epoch.</summary>
/// <param name="Epoch">The number of the current epoch, from 0.</param>
/// <param name="Position">The number of indices of this epoch that have been given, at least 0.</param>
/// <remarks>Thread safety: immutable; any number of threads may use it at once.</remarks>
/// <exception cref="ArgumentOutOfRangeException">A number is negative.</exception>
public readonly record struct SamplerState(int Epoch, long Position)
{
    /// <summary>The number of the current epoch, from 0.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is negative.</exception>
    public int Epoch { get; init => field = Guard.AtLeast(value, 0); } = Guard.AtLeast(Epoch, 0);

    /// <summary>The number of indices of this epoch that have been given.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is negative.</exception>
    public long Position { get; init => field = Guard.AtLeast(value, 0); } = Guard.AtLeast(Position, 0);
}
