namespace MetricLearning;

/// <summary>
/// The learning rate falls along half a cosine. Between start and end the factor is <c>m + (1 − m)(1 + cos πa)/2</c>, where a grows from 0
/// to 1; before the start it is 1, after the end it stays m.
/// </summary>
/// <remarks>Loshchilov and Hutter, <i>SGDR</i>, ICLR 2017, without restarts. PyTorch's <c>CosineAnnealingLR</c> rises again after the end;
/// this schedule does not. fast-reid's strong baseline starts it halfway (at 30 of 60 epochs).</remarks>
public sealed class CosineSchedule : LearningRateSchedule
{
    /// <summary>Creates a cosine schedule.</summary>
    /// <param name="optimizer">The optimizer. The learning rates that its groups were made with are the initial rates.</param>
    /// <param name="end">When the rate reaches its minimum, counted from the start of training.</param>
    /// <param name="start">When the rate begins to fall. Default: at once, so that a warm-up multiplies the falling rate.</param>
    /// <param name="minimumFactor">m, the part of the initial rate that is left at the end, in [0, 1]. Default: 0.</param>
    /// <param name="warmUp">A factor on the first iterations. Default: null, no warm-up.</param>
    /// <param name="iterationsPerEpoch">The number of iterations of an epoch; needed if a length is in epochs, null otherwise (the
    /// default). It is <see cref="Sampler.BatchesPerEpoch"/>, not <c>DataLoader.Count</c> of TorchSharp, which ignores the sampler.</param>
    /// <param name="update">When the rate changes. Default: at each iteration.</param>
    /// <exception cref="ArgumentNullException"><paramref name="optimizer"/> is null.</exception>
    /// <exception cref="ArgumentException">Start and end differ in unit, the end is not after the start, or a length is in epochs and the
    /// iterations of an epoch are not given.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The minimum is not in [0, 1], the iterations of an epoch are not positive, or the enum
    /// has no such value.</exception>
    /// <exception cref="NotSupportedException">The optimizer is LBFGS or Rprop, which never read a changed learning rate.</exception>
    public CosineSchedule(TorchSharp.torch.optim.Optimizer optimizer, TrainingSpan end, TrainingSpan? start = null,
        double minimumFactor = 0, WarmUp? warmUp = null, int? iterationsPerEpoch = null,
        ScheduleUpdate update = ScheduleUpdate.EachIteration)
        : base(optimizer, warmUp, iterationsPerEpoch, update, [end])
    {
        End = end;
        StartOfFall = start ?? (end.InEpochs ? TrainingSpan.Epochs(0) : TrainingSpan.Iterations(0));
        if (StartOfFall.InEpochs != end.InEpochs || StartOfFall.Amount >= end.Amount)
            throw new ArgumentException(
                $"end must come after start and be in the same unit, got a start after {StartOfFall} and an end after {end}.", nameof(end));
        MinimumFactor = Guard.Within(minimumFactor, 0, 1);
        Start();
    }

    /// <summary>When the rate reaches its minimum.</summary>
    public TrainingSpan End { get; }

    /// <summary>When the rate begins to fall.</summary>
    public TrainingSpan StartOfFall { get; }

    /// <summary>m, the part of the initial rate that is left at the end.</summary>
    public double MinimumFactor { get; }

    /// <inheritdoc/>
    protected override double Factor(TrainingPosition position)
    {
        var part = Math.Clamp((position.In(End) - StartOfFall.Amount) / (End.Amount - StartOfFall.Amount), 0, 1);
        return MinimumFactor + (1 - MinimumFactor) * (1 + Math.Cos(Math.PI * part)) / 2;
    }
}
