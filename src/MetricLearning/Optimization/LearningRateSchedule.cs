using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>The learning rate over the course of training: each parameter group's own initial rate times one factor.</summary>
/// <remarks>
/// <para>Call <see cref="Step"/> after each iteration. Each length is measured in its own unit. Where epochs differ in length
/// (<see cref="IdentityEpoch.AllImages"/>), call <see cref="StartEpoch"/> as each begins, and lengths in epochs are exact; without it every
/// epoch is taken to have <see cref="IterationsPerEpoch"/> iterations.</para>
/// <para>The rate is a pure function of the position, not of the rate before, so nothing accumulates and a resumed run has the same rates
/// to the bit.</para>
/// <para>To add a schedule, derive and write <see cref="Factor"/>; end the constructor with <see cref="Start"/>.</para>
/// </remarks>
public abstract class LearningRateSchedule
{
    private readonly optim.Optimizer optimizer;
    private ScheduleState state;

    /// <summary>A schedule of this optimizer's learning rates.</summary>
    /// <param name="optimizer">The optimizer; the rates that its groups were made with are the initial ones.</param>
    /// <param name="warmUp">A factor on the first iterations, or null.</param>
    /// <param name="iterationsPerEpoch">How many iterations an epoch has (<see cref="Sampler.BatchesPerEpoch"/>); needed where a length is
    /// in epochs or the update is at each epoch.</param>
    /// <param name="update">When the rate changes.</param>
    /// <param name="spans">The lengths of the derived schedule, for the check.</param>
    /// <exception cref="ArgumentException">A length is in epochs and the iterations of an epoch are not given.</exception>
    protected LearningRateSchedule(optim.Optimizer optimizer, WarmUp? warmUp, int? iterationsPerEpoch, ScheduleUpdate update,
        IEnumerable<TrainingSpan> spans)
    {
        ArgumentNullException.ThrowIfNull(optimizer);
        this.optimizer = optimizer;
        WarmUp = warmUp;
        Update = Guard.Defined(update);
        IterationsPerEpoch = iterationsPerEpoch is { } given ? Guard.AtLeast(given, 1, nameof(iterationsPerEpoch)) : null;
        if (IterationsPerEpoch is null && (update == ScheduleUpdate.EachEpoch || warmUp is { Length.InEpochs: true }
            || spans.Any(span => span.InEpochs)))
            throw new ArgumentException("iterationsPerEpoch must be given where a length is in epochs or the update is at each epoch.",
                nameof(iterationsPerEpoch));
    }

    /// <summary>The warm-up, or null.</summary>
    public WarmUp? WarmUp { get; }

    /// <summary>When the rate changes.</summary>
    public ScheduleUpdate Update { get; }

    /// <summary>How many iterations an epoch is taken to have; null where nothing is counted in epochs.</summary>
    public int? IterationsPerEpoch { get; }

    /// <summary>How many iterations are done.</summary>
    public long Iteration => state.Iteration;

    /// <summary>The present learning rate of the optimizer's first parameter group.</summary>
    public double LearningRate => optimizer.ParamGroups.First().LearningRate;

    /// <summary>The present factor on every group's initial rate.</summary>
    public double CurrentFactor => FactorOf(state);

    /// <summary>Where the schedule stands; set it to resume, and the optimizer's rates follow.</summary>
    /// <exception cref="ArgumentOutOfRangeException">A number is negative, or the epoch begins after the iteration.</exception>
    public ScheduleState State
    {
        get => state;
        set
        {
            if (value.Epoch < 0 || value.EpochStart < 0 || value.Iteration < (value.EpochStart ?? 0))
                throw new ArgumentOutOfRangeException(nameof(State), value, "State must have 0 <= EpochStart <= Iteration and 0 <= Epoch.");
            state = value;
            Apply();
        }
    }

    /// <summary>An iteration is done: sets the rates of the next.</summary>
    public void Step() => State = state with { Iteration = state.Iteration + 1 };

    /// <summary>
    /// An epoch begins with the next iteration. Only needed where epochs differ in length. Said again of the epoch that is running already,
    /// as a run does that was resumed in its middle, it changes nothing.
    /// </summary>
    /// <param name="epoch">Its number, from 0.</param>
    public void StartEpoch(int epoch)
    {
        Guard.AtLeast(epoch, 0);
        if (state.EpochStart is null || state.Epoch != epoch) State = new ScheduleState(state.Iteration, epoch, state.Iteration);
    }

    /// <summary>The factor at an iteration, each epoch taken to have <see cref="IterationsPerEpoch"/> iterations: a pure function, for
    /// plots.</summary>
    public double FactorAt(int iteration) => FactorOf(new ScheduleState(Guard.AtLeast(iteration, 0)));

    /// <summary>The first group's learning rate at an iteration, each epoch taken to have <see cref="IterationsPerEpoch"/> iterations: a
    /// pure function, for plots.</summary>
    public double LearningRateAt(int iteration) => optimizer.ParamGroups.First().InitialLearningRate * FactorAt(iteration);

    /// <summary>The schedule without warm-up: the factor on the initial rate at a position.</summary>
    protected abstract double Factor(TrainingPosition position);

    /// <summary>Sets the rates of the first iteration. The last call of a derived constructor.</summary>
    protected void Start() => Apply();

    private double FactorOf(ScheduleState at)
    {
        var perEpoch = IterationsPerEpoch ?? int.MaxValue;
        var start = at.EpochStart ?? 0;
        var part = (double)(at.Iteration - start) / perEpoch;
        // Where the starts of epochs are told, one that is longer than expected does not run over into the next.
        if (at.EpochStart is not null) part = Math.Min(part, Math.BitDecrement(1.0));
        var position = Update == ScheduleUpdate.EachIteration
            ? new TrainingPosition(at.Iteration, at.Epoch + part)
            : new TrainingPosition(start + Math.Floor(part) * perEpoch, at.Epoch + Math.Floor(part));
        return Factor(position) * (WarmUp?.FactorAt(position) ?? 1);
    }

    private void Apply()
    {
        var factor = CurrentFactor;
        foreach (var group in optimizer.ParamGroups) group.LearningRate = group.InitialLearningRate * factor;
    }
}
