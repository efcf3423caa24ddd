namespace MetricLearning;

/// <summary>A moment of training, counted in iterations and in epochs.</summary>
/// <param name="Iteration">The number of iterations that are done, at least 0.</param>
/// <param name="Epoch">The number of epochs that are done, at least 0, with the done part of the current one.</param>
/// <remarks>Thread safety: immutable; any number of threads may use it at once.</remarks>
/// <exception cref="ArgumentOutOfRangeException">A number is negative or not finite.</exception>
public readonly record struct TrainingPosition(double Iteration, double Epoch)
{
    /// <summary>The number of iterations that are done.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The number is negative or not finite.</exception>
    public double Iteration { get; init => field = Guard.NotNegative(value); } = Guard.NotNegative(Iteration);

    /// <summary>The number of epochs that are done, with the done part of the current one.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The number is negative or not finite.</exception>
    public double Epoch { get; init => field = Guard.NotNegative(value); } = Guard.NotNegative(Epoch);

    /// <summary>The amount of training that is done at this moment, in the unit of <paramref name="span"/>.</summary>
    public double In(TrainingSpan span) => span.InEpochs ? Epoch : Iteration;

    /// <summary>True when the span, counted from the start of training, is over.</summary>
    public bool IsPast(TrainingSpan span) => In(span) >= span.Amount;
}
