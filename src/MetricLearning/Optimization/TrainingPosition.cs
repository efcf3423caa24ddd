namespace MetricLearning;

/// <summary>A moment of training, counted in both units.</summary>
/// <param name="Iteration">How many iterations are done.</param>
/// <param name="Epoch">How many epochs are done, the current one in part.</param>
public readonly record struct TrainingPosition(double Iteration, double Epoch)
{
    /// <summary>How much of this moment's past there is, in the unit of <paramref name="span"/>.</summary>
    public double In(TrainingSpan span) => span.InEpochs ? Epoch : Iteration;

    /// <summary>True when the span, counted from the start of training, is over.</summary>
    public bool IsPast(TrainingSpan span) => In(span) >= span.Amount;
}
