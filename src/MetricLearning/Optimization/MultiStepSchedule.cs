namespace MetricLearning;

/// <summary>The learning rate falls by a factor at each milestone: <c>lr₀ · γ^(milestones past) · warm-up</c>.</summary>
/// <remarks>
/// Bag of Tricks (Luo et al., 2019): ×0.1 at 40 and 70 of 120 epochs, linear warm-up of 10 epochs from 0.01, updated each epoch. Its
/// training loop steps the scheduler when an epoch starts, so its epochs count from 1; take 39 and 69 to change the rate in the same
/// epochs. fast-reid: ×0.1 at 40 and 90 epochs, linear warm-up of 2,000 iterations from 0.1.
/// </remarks>
/// <example><code>
/// var schedule = new MultiStepSchedule(optimizer, [TrainingSpan.Epochs(40), TrainingSpan.Epochs(70)],
///     warmUp: WarmUp.Linear(TrainingSpan.Epochs(10)), iterationsPerEpoch: sampler.BatchesPerEpoch);
/// schedule.StartEpoch(epoch);                          // at the start of each epoch
/// schedule.Step();                                     // after each batch
/// </code></example>
public sealed class MultiStepSchedule : LearningRateSchedule
{
    /// <summary>Creates a multi-step schedule.</summary>
    /// <param name="optimizer">The optimizer. The learning rates that its groups were made with are the initial rates.</param>
    /// <param name="milestones">When the rate falls, counted from the start of training; none for a constant rate.</param>
    /// <param name="factor">γ, by which each milestone multiplies the rate; above 0. Default: 0.1.</param>
    /// <param name="warmUp">A factor on the first iterations. Default: null, no warm-up.</param>
    /// <param name="iterationsPerEpoch">The number of iterations of an epoch; needed if a length is in epochs, null otherwise (the
    /// default). It is <see cref="Sampler.BatchesPerEpoch"/>, not <c>DataLoader.Count</c> of TorchSharp, which ignores the sampler.</param>
    /// <param name="update">When the rate changes. Default: at each iteration.</param>
    /// <exception cref="ArgumentNullException">The optimizer or the milestones are null.</exception>
    /// <exception cref="ArgumentException">A length is in epochs and the iterations of an epoch are not given.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The factor is not a positive number, the iterations of an epoch are not positive, or
    /// the enum has no such value.</exception>
    /// <exception cref="NotSupportedException">The optimizer is LBFGS or Rprop, which never read a changed learning rate.</exception>
    public MultiStepSchedule(TorchSharp.torch.optim.Optimizer optimizer, IReadOnlyList<TrainingSpan> milestones, double factor = 0.1,
        WarmUp? warmUp = null, int? iterationsPerEpoch = null, ScheduleUpdate update = ScheduleUpdate.EachIteration)
        : base(optimizer, warmUp, iterationsPerEpoch, update, Guard.NotNull(milestones))
    {
        Milestones = [.. milestones];
        StepFactor = Guard.Positive(factor);
        Start();
    }

    /// <summary>When the rate falls, counted from the start of training.</summary>
    public IReadOnlyList<TrainingSpan> Milestones { get; }

    /// <summary>γ, by which each milestone multiplies the rate.</summary>
    public double StepFactor { get; }

    /// <inheritdoc/>
    protected override double Factor(TrainingPosition position) =>
        Math.Pow(StepFactor, Milestones.Count(milestone => position.IsPast(milestone)));
}
