namespace MetricLearning;

/// <summary>
/// One process's share of the batches when several train together: all draw the same epoch from the same seed, and each takes its run of
/// every batch. The default is the one process that takes everything.
/// </summary>
public readonly record struct SamplerShard
{
    private readonly int last;

    /// <summary>The share of the process <paramref name="rank"/> of <paramref name="count"/>.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The count is not positive, or the rank is not in [0, count).</exception>
    public SamplerShard(int rank, int count)
    {
        last = Guard.AtLeast(count, 1) - 1;
        Rank = (int)Guard.Within(rank, 0, last);
    }

    /// <summary>Which process, from 0.</summary>
    public int Rank { get; }

    /// <summary>How many processes there are.</summary>
    public int Count => last + 1;
}
