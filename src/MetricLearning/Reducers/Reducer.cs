using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Reduces the values of tuples or samples to one number.</summary>
/// <remarks>
/// A loss with several terms, such as attraction and repulsion, reduces each term on its own and adds the results. Without values the
/// result is 0 with a gradient of 0, never NaN. In every reducer a NaN among the values gives NaN. To add a reducer, derive from this class
/// and write <see cref="ReduceCore"/>.
/// <para>Thread safety: immutable; any number of threads may use it at once.</para>
/// </remarks>
public abstract class Reducer
{
    /// <summary>The mean over all values. This is the usual choice: it falls as training improves.</summary>
    public static Reducer Mean { get; } = new MeanReducer();

    /// <summary>The sum of all values.</summary>
    public static Reducer Sum { get; } = new SumReducer();

    /// <summary>The mean over the values above 0 (AvgNonZero). It does not fall as training improves, so watch
    /// <see cref="LossReport.ActiveFraction"/> too.</summary>
    public static Reducer NonZeroMean { get; } = new ThresholdReducer(low: 0);

    /// <summary>The mean of each row's values, averaged over all rows of the batch; a row without values counts as 0.</summary>
    public static Reducer PerAnchor { get; } = new PerAnchorReducer(Mean);

    /// <summary>The sum, divided by the divisor that the loss itself defines (<see cref="LossTerm.Divisor"/>); 0 if the divisor is
    /// 0.</summary>
    public static Reducer Divisor { get; } = new DivisorReducer();

    /// <summary>The mean over the values strictly above <paramref name="low"/> and strictly below <paramref name="high"/>.</summary>
    /// <param name="low">Any number but NaN. Default: −∞.</param>
    /// <param name="high">Any number but NaN. Default: ∞.</param>
    /// <exception cref="ArgumentOutOfRangeException">A bound is NaN.</exception>
    public static Reducer Threshold(double low = double.NegativeInfinity, double high = double.PositiveInfinity) =>
        new ThresholdReducer(low, high);

    /// <summary>The mean of each row's values, reduced over all rows of the batch by another reducer; a row without values has the mean
    /// 0.</summary>
    /// <param name="rows">Reduces the means of the rows.</param>
    /// <exception cref="ArgumentNullException">The reducer is null.</exception>
    public static Reducer EachAnchor(Reducer rows) => new PerAnchorReducer(Guard.NotNull(rows));

    /// <summary>The mean of each value times the weight of its anchor's class.</summary>
    /// <param name="weights">One finite weight for each class, by label.</param>
    /// <exception cref="ArgumentNullException">The weights are null.</exception>
    /// <exception cref="ArgumentException">A weight is not finite.</exception>
    public static Reducer ClassWeighted(params IReadOnlyList<double> weights) => new ClassWeightedReducer(weights);

    /// <summary>Applies a different reducer to each term of a loss: the first reducer to the first term, and so on.</summary>
    /// <remarks>
    /// It follows pytorch-metric-learning's MultipleReducers. <see cref="ContrastiveLoss"/>, <see cref="IntraPairVarianceLoss"/>,
    /// <see cref="ThresholdConsistentMarginLoss"/> and <see cref="ProxyAnchorLoss"/> have a term of the positives, then one of the
    /// negatives. <see cref="QuadrupletLoss"/> has a term for each of its two hinges. <see cref="ManifoldLoss"/> has the intrinsic term,
    /// then the context term.
    /// </remarks>
    /// <param name="terms">The reducers, at least one. A loss with more terms throws an <see cref="InvalidOperationException"/>.</param>
    /// <exception cref="ArgumentException">There is no reducer, or one is null.</exception>
    public static Reducer ForEachTerm(params IReadOnlyList<Reducer> terms) => new TermsReducer(terms);

    /// <summary>Reduces a term of a loss.</summary>
    /// <param name="term">Values [K] and the rows that they belong to.</param>
    /// <param name="batch">The batch on which the loss was computed.</param>
    /// <returns>A scalar with gradient, which the caller disposes.</returns>
    /// <exception cref="InvalidOperationException">The loss does not give what this reducer needs: a divisor, anchors or
    /// labels.</exception>
    public Tensor Reduce(LossTerm term, LossBatch batch)
    {
        ArgumentNullException.ThrowIfNull(term.Values, nameof(term));
        ArgumentNullException.ThrowIfNull(batch);
        using var scope = NewDisposeScope();
        return (term.Values.dim() == 0 ? term.Values.alias() : Returned.Shape(ReduceCore(term, batch), this, nameof(ReduceCore)))
            .MoveToOuterDisposeScope();
    }

    /// <summary>Whether a term of sums (<see cref="LossTerm.Counts"/>) gives the same number as the values that were summed.</summary>
    /// <param name="signed">Whether values may be below 0.</param>
    internal virtual bool TakesSums(bool signed) => false;

    /// <summary>Reduces the values: [K] → scalar; K may be 0. The caller frees tensors that are created here.</summary>
    /// <param name="term">The values [K], and the rows that they belong to.</param>
    /// <param name="batch">The batch on which the loss was computed.</param>
    protected abstract Tensor ReduceCore(LossTerm term, LossBatch batch);
}
