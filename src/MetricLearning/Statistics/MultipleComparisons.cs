namespace MetricLearning;

/// <summary>Corrects p values of many tests. Among twenty models that are not better, one on average looks better at p = 0.05 by
/// chance.</summary>
/// <remarks>Thread safety: no state; any number of threads may use it at once.</remarks>
public static class MultipleComparisons
{
    /// <summary>Adjusts p values by Holm's method. Accept the differences whose adjusted p is below α. The probability that any accepted
    /// difference is due to chance is then at most α.</summary>
    /// <remarks>The i-th smallest of m becomes <c>max over j ≤ i of min(1, (m − j + 1) · p_j)</c>. The tests may depend on each other.
    /// Holm, <i>A Simple Sequentially Rejective Multiple Test Procedure</i>, 1979.</remarks>
    /// <param name="pValues">One p in [0, 1] for each test. NaN stands for a test that could not be made; it does not count.</param>
    /// <returns>The adjusted values in the same order; NaN stays NaN.</returns>
    /// <exception cref="ArgumentNullException">The list is null.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A value is below 0 or above 1.</exception>
    public static IReadOnlyList<double> Holm(IReadOnlyList<double> pValues)
    {
        var (adjusted, order) = Sorted(pValues);
        var largest = 0.0;
        for (var rank = 0; rank < order.Length; rank++)
        {
            largest = Math.Max(largest, Math.Min(1, (order.Length - rank) * adjusted[order[rank]]));
            adjusted[order[rank]] = largest;
        }
        return adjusted;
    }

    /// <summary>Adjusts p values by the method of Benjamini and Hochberg. Accept the differences whose adjusted p is below α. Of the
    /// accepted differences, a share of at most α is then due to chance, on average (the false discovery rate). It accepts at least as
    /// many as <see cref="Holm"/>.</summary>
    /// <remarks>The i-th smallest of m becomes <c>min over j ≥ i of m p_j / j</c>, and at most 1. The tests must be independent or depend
    /// on each other positively. Benjamini and Hochberg, <i>Controlling the False Discovery Rate</i>, 1995.</remarks>
    /// <inheritdoc cref="Holm"/>
    public static IReadOnlyList<double> BenjaminiHochberg(IReadOnlyList<double> pValues)
    {
        var (adjusted, order) = Sorted(pValues);
        var smallest = 1.0;
        for (var rank = order.Length; rank > 0; rank--)
            adjusted[order[rank - 1]] = smallest = Math.Min(smallest, order.Length * adjusted[order[rank - 1]] / rank);
        return adjusted;
    }

    /// <summary>A copy of the values, and the places of those that are not NaN, from the smallest value.</summary>
    private static (double[] Values, int[] Order) Sorted(IReadOnlyList<double> pValues)
    {
        ArgumentNullException.ThrowIfNull(pValues);
        foreach (var p in pValues)
            if (!double.IsNaN(p)) Guard.Within(p, 0, 1, nameof(pValues));
        double[] values = [.. pValues];
        return (values, [.. Enumerable.Range(0, values.Length).Where(i => !double.IsNaN(values[i])).OrderBy(i => values[i])]);
    }
}
