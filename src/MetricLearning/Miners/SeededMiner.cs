namespace MetricLearning;

/// <summary>A miner that draws: the same seed and the same number of calls give the same draws on every machine.</summary>
/// <remarks>
/// Each call draws from a stream of its own, <see cref="Calls"/>. Keep that number in a checkpoint and set it again, and a resumed run
/// draws what the unbroken one would have. Not for use by two threads at once.
/// </remarks>
public abstract class SeededMiner : Miner
{
    /// <summary>What the draws start from; 0 by default.</summary>
    public ulong Seed { get; init; }

    /// <summary>How many times it has drawn.</summary>
    public long Calls { get; set; }

    /// <summary>The random numbers of this call.</summary>
    protected SeededRandom NextRandom() => SeededRandom.ForStream(Seed, (ulong)Calls++);
}
