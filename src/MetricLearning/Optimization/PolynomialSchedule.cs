namespace MetricLearning;

/// <summary>The learning rate falls along a power: until the end the factor is <c>m + (1 − m)(1 − a)^p</c>, where a grows from 0 to 1;
/// afterwards it stays m.</summary>
/// <remarks>With m = 0 it is PyTorch's <c>PolynomialLR</c>. A power of 1 is a straight line.</remarks>
public sealed class PolynomialSchedule : LearningRateSchedule
{
    /// <summary>Creates a polynomial schedule.</summary>
    /// <param name="optimizer">The optimizer. The learning rates that its groups were made with are the initial rates.</param>
    /// <param name="end">When the rate reaches its minimum, counted from the start of training; longer than 0.</param>
    /// <param name="power">p, above 0. Default: 0.9, as in semantic segmentation; PyTorch's default is 1.</param>
    /// <param name="minimumFactor">m, the part of the initial rate that is left at the end, in [0, 1]. Default: 0.</param>
    /// <param name="warmUp">A factor on the first iterations. Default: null, no warm-up.</param>
    /// <param name="iterationsPerEpoch">The number of iterations of an epoch; needed if a length is in epochs, null otherwise (the
    /// default). It is <see cref="Sampler.BatchesPerEpoch"/>, not <c>DataLoader.Count</c> of TorchSharp, which ignores the sampler.</param>
    /// <param name="update">When the rate changes. Default: at each iteration.</param>
    /// <exception cref="ArgumentNullException"><paramref name="optimizer"/> is null.</exception>
    /// <exception cref="ArgumentException">The end is not after the start, or a length is in epochs and the iterations of an epoch are not
    /// given.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The power is not positive, the minimum is not in [0, 1], the iterations of an epoch
    /// are not positive, or the enum has no such value.</exception>
    /// <exception cref="NotSupportedException">The optimizer is LBFGS or Rprop, which never read a changed learning rate.</exception>
    public PolynomialSchedule(TorchSharp.torch.optim.Optimizer optimizer, TrainingSpan end, double power = 0.9, double minimumFactor = 0,
        WarmUp? warmUp = null, int? iterationsPerEpoch = null, ScheduleUpdate update = ScheduleUpdate.EachIteration)
        : base(optimizer, warmUp, iterationsPerEpoch, update, [end])
    {
        End = end.Amount > 0 ? end : throw new ArgumentException($"end must come after the start, got {end}.", nameof(end));
        (Power, MinimumFactor) = (Guard.Positive(power), Guard.Within(minimumFactor, 0, 1));
        Start();
    }

    /// <summary>When the rate reaches its minimum.</summary>
    public TrainingSpan End { get; }

    /// <summary>p, the power.</summary>
    public double Power { get; }

    /// <summary>m, the part of the initial rate that is left at the end.</summary>
    public double MinimumFactor { get; }

    /// <inheritdoc/>
    protected override double Factor(TrainingPosition position) =>
        MinimumFactor + (1 - MinimumFactor) * Math.Pow(1 - Math.Min(position.In(End) / End.Amount, 1), Power);
}
