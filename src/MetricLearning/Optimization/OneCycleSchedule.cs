namespace MetricLearning;

/// <summary>The learning rate rises from a small rate to its maximum, and falls to almost nothing, once.</summary>
/// <remarks>
/// The rates that the groups of the optimizer were made with are the maximum. The factor starts at <c>1/d</c>, is 1 after the share s of
/// all iterations, and is <c>1/(d·f)</c> in the last one; between these moments it follows half a cosine, or a straight line. With a shape
/// of three phases (<see cref="OneCycleShape"/>) it falls back to <c>1/d</c> as slowly as it rose, and from there to <c>1/(d·f)</c>. The
/// rates are those of PyTorch's <c>OneCycleLR</c> with <c>cycle_momentum=False</c>: the momentum does not change. After the last iteration
/// the rate stays where it is. Smith and Topin, <i>Super-Convergence</i>, 2018.
/// </remarks>
public sealed class OneCycleSchedule : LearningRateSchedule
{
    private readonly double lastIteration;

    /// <summary>Creates a one-cycle schedule.</summary>
    /// <param name="optimizer">The optimizer. The learning rates that its groups were made with are the maximum.</param>
    /// <param name="length">The length of training; at least 2 iterations.</param>
    /// <param name="riseShare">s, the share of the iterations in which the rate rises, above 0 and below 1 (below 1/2 with three phases).
    /// Default: 0.3.</param>
    /// <param name="startDivisor">d, by which the maximum is divided at the start; at least 1. Default: 25.</param>
    /// <param name="endDivisor">f, by which the starting rate is divided at the end; at least 1. Default: 10,000.</param>
    /// <param name="shape">The shape of rise and fall. Default: cosine.</param>
    /// <param name="iterationsPerEpoch">The number of iterations of an epoch; needed if the length is in epochs, null otherwise (the
    /// default). It is <see cref="Sampler.BatchesPerEpoch"/>, not <c>DataLoader.Count</c> of TorchSharp, which ignores the sampler.</param>
    /// <exception cref="ArgumentNullException"><paramref name="optimizer"/> is null.</exception>
    /// <exception cref="ArgumentException">The length is below 2 iterations, or in epochs and the iterations of an epoch are not
    /// given.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A number is outside its range, or the enum has no such value.</exception>
    /// <exception cref="NotSupportedException">The optimizer is LBFGS or Rprop, which never read a changed learning rate.</exception>
    public OneCycleSchedule(TorchSharp.torch.optim.Optimizer optimizer, TrainingSpan length, double riseShare = 0.3,
        double startDivisor = 25, double endDivisor = 1e4, OneCycleShape shape = OneCycleShape.Cosine, int? iterationsPerEpoch = null)
        : base(optimizer, null, iterationsPerEpoch, ScheduleUpdate.EachIteration, [length])
    {
        Shape = Guard.Defined(shape);
        var longest = IsThreePhase ? 0.5 : 1;
        RiseShare = riseShare > 0 && riseShare < longest ? riseShare : throw new ArgumentOutOfRangeException(nameof(riseShare), riseShare,
            string.Create(System.Globalization.CultureInfo.InvariantCulture, $"riseShare must be above 0 and below {longest}."));
        (StartDivisor, EndDivisor) = (AtLeastOne(startDivisor, nameof(startDivisor)), AtLeastOne(endDivisor, nameof(endDivisor)));
        Length = length;
        lastIteration = length.ToIterations(IterationsPerEpoch ?? 1) - 1;
        if (lastIteration < 1) throw new ArgumentException($"length must be at least 2 iterations, got {length}.", nameof(length));
        Start();
    }

    /// <summary>The length of training.</summary>
    public TrainingSpan Length { get; }

    /// <summary>s, the share of the iterations in which the rate rises.</summary>
    public double RiseShare { get; }

    /// <summary>d, by which the maximum is divided at the start.</summary>
    public double StartDivisor { get; }

    /// <summary>f, by which the starting rate is divided at the end.</summary>
    public double EndDivisor { get; }

    /// <summary>The shape of rise and fall.</summary>
    public OneCycleShape Shape { get; }

    private bool IsThreePhase => Shape is OneCycleShape.CosineInThreePhases or OneCycleShape.LinearInThreePhases;

    /// <inheritdoc/>
    protected override double Factor(TrainingPosition position)
    {
        var at = Math.Min(position.In(Length) * (Length.InEpochs ? IterationsPerEpoch!.Value : 1), lastIteration);
        var total = lastIteration + 1;
        var (low, end) = (1 / StartDivisor, 1 / (StartDivisor * EndDivisor));
        var top = RiseShare * total - 1;
        // The rise may be so short that the rate begins at its maximum.
        if (at <= top) return top == 0 ? 1 : Between(low, 1, at / top);
        if (!IsThreePhase) return Between(1, end, (at - top) / (lastIteration - top));
        var middle = 2 * RiseShare * total - 2;
        return at <= middle ? Between(1, low, (at - top) / (middle - top)) : Between(low, end, (at - middle) / (lastIteration - middle));
    }

    private double Between(double from, double to, double part) =>
        Shape is OneCycleShape.Linear or OneCycleShape.LinearInThreePhases ? from + (to - from) * part
            : to + (from - to) / 2 * (1 + Math.Cos(Math.PI * part));

    private static double AtLeastOne(double value, string name) => double.IsFinite(value) && value >= 1 ? value
        : throw new ArgumentOutOfRangeException(name, value, $"{name} must be at least 1.");
}
