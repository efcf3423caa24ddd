namespace MetricLearning;

/// <summary>
/// One process's share of the batches when several processes train together. All draw the same epoch from the same seed, and each takes its
/// own part of every batch. The default is one process that takes the whole batch.
/// </summary>
/// <remarks>Thread safety: immutable; any number of threads may use it at once.</remarks>
public readonly record struct SamplerShard
{
    private readonly int last;

    /// <summary>The share of the process <paramref name="rank"/> of <paramref name="count"/>.</summary>
    /// <param name="rank">The number of the process, in [0, count).</param>
    /// <param name="count">The number of processes, at least 1.</param>
    /// <exception cref="ArgumentOutOfRangeException">The count is not positive, or the rank is not in [0, count).</exception>
    public SamplerShard(int rank, int count)
    {
        last = Guard.AtLeast(count, 1) - 1;
        Rank = (int)Guard.Within(rank, 0, last);
    }

    /// <summary>The number of the process, from 0.</summary>
    public int Rank { get; }

    /// <summary>The number of processes.</summary>
    public int Count => last + 1;
}
