namespace MetricLearning;

/// <summary>A miner that draws at random. The same seed and the same number of calls give the same draws on every machine.</summary>
/// <remarks>
/// Each call draws from a random stream of its own, numbered by <see cref="Calls"/>. Add the miner to a <see cref="TrainingCheckpoint"/>,
/// which saves that number. A resumed run then draws what an uninterrupted run would have drawn.
/// <para>Thread safety: one thread at a time, because each call that draws increases <see cref="Calls"/>.</para>
/// </remarks>
public abstract class SeededMiner : Miner, ITrainingState
{
    /// <summary>The seed of the random numbers; 0 by default.</summary>
    public ulong Seed { get; init; }

    /// <summary>The number of calls that have drawn, 0 or greater; 0 at first.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The number is negative.</exception>
    public long Calls { get; set => field = Guard.AtLeast(value, 0); }

    /// <inheritdoc/>
    public IReadOnlyDictionary<string, double> SaveState() => new Dictionary<string, double>
    {
        ["calls"] = Calls,
        ["upper half of the seed"] = Seed >> 32,
        ["lower half of the seed"] = (uint)Seed,
    };

    /// <inheritdoc/>
    public void CheckState(IReadOnlyDictionary<string, double> state)
    {
        state.Count("calls");
        var seed = ((ulong)state.Count("upper half of the seed") << 32) | (uint)state.Count("lower half of the seed");
        if (seed != Seed) throw new ArgumentException($"a miner with the seed {seed} was saved, but this one has the seed {Seed}.",
            nameof(state));
    }

    /// <inheritdoc/>
    public void LoadState(IReadOnlyDictionary<string, double> state)
    {
        CheckState(state);
        Calls = state.Count("calls");
    }

    /// <summary>Creates the random numbers of this call, and counts the call.</summary>
    protected SeededRandom NextRandom()
    {
        var call = Calls;
        StateChanges.OnFailure(() => Calls = call);
        Calls = call + 1;
        return SeededRandom.ForStream(Seed, (ulong)call);
    }
}
