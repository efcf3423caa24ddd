using System.Globalization;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Sets the learning rate over the course of training: each parameter group's own initial rate times one factor.</summary>
/// <remarks>
/// <para>Call <see cref="Step"/> after each iteration. Each length is measured in its own unit. If epochs differ in length
/// (<see cref="IdentityEpoch.AllImages"/>), call <see cref="StartEpoch"/> at the beginning of each; then lengths in epochs are exact.
/// Without it every epoch counts as <see cref="IterationsPerEpoch"/> iterations.</para>
/// <para>The rate is a pure function of the position and does not depend on the previous rate, so errors do not accumulate and a resumed
/// run has the same rates bit for bit.</para>
/// <para>To add a schedule, derive a class, implement <see cref="Factor"/>, and call <see cref="Start"/> at the end of the
/// constructor.</para>
/// <para>Thread safety: one thread at a time, the one that steps the optimizer.</para>
/// </remarks>
public abstract class LearningRateSchedule
{
    private readonly optim.Optimizer optimizer;
    private ScheduleState state;

    /// <summary>Creates a schedule of an optimizer's learning rates.</summary>
    /// <param name="optimizer">The optimizer. The learning rates that its groups were made with are the initial rates. ASGD makes its first
    /// step with the initial rate.</param>
    /// <param name="warmUp">A factor on the first iterations; null for no warm-up.</param>
    /// <param name="iterationsPerEpoch">The number of iterations of an epoch; needed if a length is in epochs or the update is at each
    /// epoch. It is <see cref="Sampler.BatchesPerEpoch"/>, not <c>DataLoader.Count</c> of TorchSharp, which ignores the sampler.</param>
    /// <param name="update">When the rate changes.</param>
    /// <param name="spans">The lengths of the derived schedule, to check that their unit can be counted.</param>
    /// <exception cref="ArgumentNullException">The optimizer or the lengths are null.</exception>
    /// <exception cref="ArgumentException">A length is in epochs and the iterations of an epoch are not given.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The iterations of an epoch are not positive, or the enum has no such
    /// value.</exception>
    /// <exception cref="NotSupportedException">The optimizer is LBFGS or Rprop, which never read a changed learning rate.</exception>
    protected LearningRateSchedule(optim.Optimizer optimizer, WarmUp? warmUp, int? iterationsPerEpoch, ScheduleUpdate update,
        IEnumerable<TrainingSpan> spans)
    {
        ArgumentNullException.ThrowIfNull(optimizer);
        ArgumentNullException.ThrowIfNull(spans);
        if (optimizer is LBFGS or Rprop) throw new NotSupportedException(
            $"{optimizer.GetType().Name} keeps the learning rate that it was made with, so a schedule would have no effect on it.");
        this.optimizer = optimizer;
        WarmUp = warmUp;
        Update = Guard.Defined(update);
        IterationsPerEpoch = iterationsPerEpoch is { } given ? Guard.AtLeast(given, 1, nameof(iterationsPerEpoch)) : null;
        if (IterationsPerEpoch is null && (update == ScheduleUpdate.EachEpoch || warmUp is { Length.InEpochs: true }
            || spans.Any(span => span.InEpochs)))
            throw new ArgumentException("iterationsPerEpoch must be given if a length is in epochs or the update is at each epoch.",
                nameof(iterationsPerEpoch));
    }

    /// <summary>The warm-up, or null.</summary>
    public WarmUp? WarmUp { get; }

    /// <summary>When the rate changes.</summary>
    public ScheduleUpdate Update { get; }

    /// <summary>The number of iterations that an epoch counts as; null if nothing is counted in epochs.</summary>
    public int? IterationsPerEpoch { get; }

    /// <summary>The number of iterations that are done.</summary>
    public long Iteration => state.Iteration;

    /// <summary>The current learning rate of the optimizer's first parameter group.</summary>
    public double LearningRate => optimizer.ParamGroups.First().LearningRate;

    /// <summary>The current factor on every group's initial rate.</summary>
    public double CurrentFactor => FactorOf(state);

    /// <summary>The position of the schedule. Set it to resume; this also sets the optimizer's rates. It may be the position of a schedule
    /// with other settings, for example to make a run longer: from there the rates are those of this schedule.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The epoch begins after the iteration.</exception>
    /// <exception cref="InvalidOperationException">The schedule gives a factor that is not finite. Nothing has changed.</exception>
    public ScheduleState State
    {
        get => state;
        set
        {
            var factor = CheckedFactor(value, nameof(State));
            state = value;
            SetRates(factor);
        }
    }

    /// <summary>Counts an iteration as done, and sets the rates of the next.</summary>
    public void Step() => State = state with { Iteration = state.Iteration + 1 };

    /// <summary>
    /// Tells the schedule that an epoch begins with the next iteration. It is needed only if epochs differ in length. Calling it again for
    /// the current epoch changes nothing; a run that resumes in the middle of an epoch does this.
    /// </summary>
    /// <param name="epoch">The number of the epoch, from 0.</param>
    /// <exception cref="ArgumentOutOfRangeException">The epoch is negative.</exception>
    public void StartEpoch(int epoch)
    {
        Guard.AtLeast(epoch, 0);
        if (state.EpochStart is null || state.Epoch != epoch) State = new ScheduleState(state.Iteration, epoch, state.Iteration);
    }

    /// <summary>The factor at an iteration if each epoch has <see cref="IterationsPerEpoch"/> iterations. It is a pure function, for
    /// plots.</summary>
    /// <param name="iteration">The number of iterations that are done, at least 0.</param>
    /// <exception cref="ArgumentOutOfRangeException">The iteration is negative.</exception>
    public double FactorAt(int iteration) => FactorOf(new ScheduleState(Guard.AtLeast(iteration, 0)));

    /// <summary>The first group's learning rate at an iteration if each epoch has <see cref="IterationsPerEpoch"/> iterations. It is a pure
    /// function, for plots.</summary>
    /// <param name="iteration">The number of iterations that are done, at least 0.</param>
    /// <exception cref="ArgumentOutOfRangeException">The iteration is negative.</exception>
    public double LearningRateAt(int iteration) => optimizer.ParamGroups.First().InitialLearningRate * FactorAt(iteration);

    /// <summary>The schedule without warm-up: the factor on the initial rate at a position. A pure function. It must be finite; a factor
    /// that is not finite throws an <see cref="InvalidOperationException"/> and sets no rate.</summary>
    /// <param name="position">The moment of training, in iterations and in epochs.</param>
    protected abstract double Factor(TrainingPosition position);

    /// <summary>Sets the rates of the first iteration. A derived constructor must call it last.</summary>
    protected void Start() => SetRates(CurrentFactor);

    /// <summary>The factor of a state, which is checked.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The epoch begins after the iteration.</exception>
    internal double CheckedFactor(ScheduleState value, string name) => value.Iteration >= (value.EpochStart ?? 0) ? FactorOf(value)
        : throw new ArgumentOutOfRangeException(name, value, "State must have EpochStart <= Iteration.");

    private double FactorOf(ScheduleState at)
    {
        var perEpoch = IterationsPerEpoch ?? int.MaxValue;
        var start = at.EpochStart ?? 0;
        var epochs = at.Epoch + (double)(at.Iteration - start) / perEpoch;
        // If StartEpoch says when epochs begin, an epoch that is longer than expected does not count as the next.
        if (at.EpochStart is not null) epochs = Math.Min(epochs, Math.BitDecrement(at.Epoch + 1.0));
        var position = Update == ScheduleUpdate.EachIteration
            ? new TrainingPosition(at.Iteration, epochs)
            : new TrainingPosition(start + (Math.Floor(epochs) - at.Epoch) * perEpoch, Math.Floor(epochs));
        var factor = Factor(position) * (WarmUp?.FactorAt(position) ?? 1);
        return double.IsFinite(factor) ? factor : throw new InvalidOperationException(string.Create(CultureInfo.InvariantCulture,
            $"{GetType().Name} gives the factor {factor} at iteration {at.Iteration}."));
    }

    private void SetRates(double factor)
    {
        foreach (var group in optimizer.ParamGroups) group.LearningRate = group.InitialLearningRate * factor;
    }
}
