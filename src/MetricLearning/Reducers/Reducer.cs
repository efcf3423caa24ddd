using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>From a value for each tuple or sample to one number.</summary>
/// <remarks>
/// A loss that has several terms (attraction and repulsion) reduces each on its own and adds them. Nothing to reduce gives 0 with a
/// gradient of 0, never NaN; a NaN among the values gives NaN, in every reducer. To add one, derive and write <see cref="ReduceCore"/>.
/// </remarks>
public abstract class Reducer
{
    /// <summary>The mean over all values. The usual choice: it falls as training improves.</summary>
    public static Reducer Mean { get; } = new MeanReducer();

    /// <summary>The sum.</summary>
    public static Reducer Sum { get; } = new SumReducer();

    /// <summary>The mean over the values above 0 (AvgNonZero). It does not fall as training improves: watch the active fraction
    /// too.</summary>
    public static Reducer NonZeroMean { get; } = new ThresholdReducer(low: 0);

    /// <summary>The mean over the rows of the batch of each row's mean; a row without values counts as 0.</summary>
    public static Reducer PerAnchor { get; } = new PerAnchorReducer(Mean);

    /// <summary>The sum over the divisor that the loss itself defines (<see cref="LossTerm.Divisor"/>); 0 where that is 0.</summary>
    public static Reducer Divisor { get; } = new DivisorReducer();

    /// <summary>The mean over the values strictly above <paramref name="low"/> and strictly below <paramref name="high"/>.</summary>
    public static Reducer Threshold(double low = double.NegativeInfinity, double high = double.PositiveInfinity) =>
        new ThresholdReducer(low, high);

    /// <summary>Each row's mean, and another reducer over all rows of the batch; a row without values is 0.</summary>
    public static Reducer EachAnchor(Reducer rows) => new PerAnchorReducer(rows);

    /// <summary>The mean of each value times the weight of its anchor's class.</summary>
    /// <param name="weights">One weight a class, by label.</param>
    public static Reducer ClassWeighted(params IReadOnlyList<double> weights) => new ClassWeightedReducer(weights);

    /// <summary>A reducer for each term of a loss: the first term by the first, and so on.</summary>
    /// <remarks>
    /// As pytorch-metric-learning's MultipleReducers. Terms in order: <see cref="ContrastiveLoss"/>, <see cref="IntraPairVarianceLoss"/>,
    /// <see cref="ThresholdConsistentMarginLoss"/> positives, then negatives; <see cref="QuadrupletLoss"/> its two hinges;
    /// <see cref="ProxyAnchorLoss"/> positives, then negatives.
    /// </remarks>
    /// <param name="terms">At least one; a loss with more terms is an <see cref="InvalidOperationException"/>.</param>
    public static Reducer ForEachTerm(params IReadOnlyList<Reducer> terms) => new TermsReducer(terms);

    /// <summary>Reduces a term of a loss.</summary>
    /// <param name="term">Values [K] and the rows they belong to.</param>
    /// <param name="batch">What the loss was computed on.</param>
    /// <returns>A scalar with gradient, which the caller disposes.</returns>
    public Tensor Reduce(LossTerm term, LossBatch batch)
    {
        using var scope = NewDisposeScope();
        return (term.Values.dim() == 0 ? term.Values.alias() : ReduceCore(term, batch)).MoveToOuterDisposeScope();
    }

    /// <summary>Whether a term of sums (<see cref="LossTerm.Counts"/>) gives the same number as the values that were summed.</summary>
    /// <param name="signed">Whether values may be below 0.</param>
    internal virtual bool TakesSums(bool signed) => false;

    /// <summary>Values [K] → scalar; K may be 0. Tensors made here are freed by the caller.</summary>
    protected abstract Tensor ReduceCore(LossTerm term, LossBatch batch);
}
