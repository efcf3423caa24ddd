namespace MetricLearning;

/// <summary>The learning rate falls by a factor at each milestone: <c>lr₀ · γ^(milestones past) · warm-up</c>.</summary>
/// <remarks>
/// Bag of Tricks (Luo et al., 2019): ×0.1 at 40 and 70 of 120 epochs, linear warm-up of 10 epochs from 0.01, updated each epoch. Its
/// training loop advances the scheduler as an epoch starts, so its epochs count from 1: to follow it to the epoch, take 39 and 69.
/// fast-reid: ×0.1 at 40 and 90 epochs, linear warm-up of 2,000 iterations from 0.1.
/// </remarks>
public sealed class MultiStepSchedule : LearningRateSchedule
{
    /// <summary>A multi-step schedule.</summary>
    /// <param name="optimizer">The optimizer; the rates that its groups were made with are the initial ones.</param>
    /// <param name="milestones">When the rate falls, counted from the start of training; none for a constant rate.</param>
    /// <param name="factor">γ, what each milestone multiplies the rate by.</param>
    /// <param name="warmUp">A factor on the first iterations, or null.</param>
    /// <param name="iterationsPerEpoch">How many iterations an epoch has; needed where a length is in epochs.</param>
    /// <param name="update">When the rate changes.</param>
    /// <exception cref="ArgumentException">A length is in epochs and the iterations of an epoch are not given.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The factor is not a positive number.</exception>
    public MultiStepSchedule(TorchSharp.torch.optim.Optimizer optimizer, IReadOnlyList<TrainingSpan> milestones, double factor = 0.1,
        WarmUp? warmUp = null, int? iterationsPerEpoch = null, ScheduleUpdate update = ScheduleUpdate.EachIteration)
        : base(optimizer, warmUp, iterationsPerEpoch, update, milestones)
    {
        Milestones = [.. milestones];
        StepFactor = Guard.Positive(factor);
        Start();
    }

    /// <summary>When the rate falls, counted from the start of training.</summary>
    public IReadOnlyList<TrainingSpan> Milestones { get; }

    /// <summary>γ, what each milestone multiplies the rate by.</summary>
    public double StepFactor { get; }

    /// <inheritdoc/>
    protected override double Factor(TrainingPosition position) =>
        Math.Pow(StepFactor, Milestones.Count(milestone => position.IsPast(milestone)));
}
