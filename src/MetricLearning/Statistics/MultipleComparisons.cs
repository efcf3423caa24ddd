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
        ArgumentNullException.ThrowIfNull(pValues);
        foreach (var p in pValues)
            if (!double.IsNaN(p)) Guard.Within(p, 0, 1, nameof(pValues));
        var adjusted = pValues.ToArray();
        var order = Enumerable.Range(0, adjusted.Length).Where(i => !double.IsNaN(adjusted[i])).OrderBy(i => adjusted[i]).ToArray();
        var largest = 0.0;
        for (var rank = 0; rank < order.Length; rank++)
        {
            largest = Math.Max(largest, Math.Min(1, (order.Length - rank) * adjusted[order[rank]]));
            adjusted[order[rank]] = largest;
        }
        return adjusted;
    }
}
