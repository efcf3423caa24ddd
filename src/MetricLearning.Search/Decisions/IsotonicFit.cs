namespace MetricLearning.Search;

/// <summary>Fits the non-decreasing step function that is nearest to the labels by least squares, by pooling adjacent violators (Zadrozny
/// and Elkan, KDD 2002).</summary>
internal static class IsotonicFit
{
    /// <summary>Fits the function. Returns the lowest value of each step, ascending, and the height of each step.</summary>
    /// <param name="pairs">Values, and whether each is a success; at least one.</param>
    public static (double[] Starts, double[] Heights) Of(IEnumerable<(double Value, bool Success)> pairs)
    {
        var steps = new List<(double Start, long Successes, long Count)>();
        foreach (var group in pairs.GroupBy(pair => pair.Value).OrderBy(group => group.Key))
        {
            var step = (Start: group.Key, Successes: group.LongCount(pair => pair.Success), Count: group.LongCount());
            while (steps.Count > 0 && Height(steps[^1]) >= Height(step))
            {
                step = (steps[^1].Start, steps[^1].Successes + step.Successes, steps[^1].Count + step.Count);
                steps.RemoveAt(steps.Count - 1);
            }
            steps.Add(step);
        }
        // No number of pairs gives certainty, so the heights at the ends keep the distance of Platt (1999) from 0 and 1.
        var (all, total) = (steps.Sum(step => step.Successes), steps.Sum(step => step.Count));
        var (least, most) = (1.0 / (total - all + 2), (all + 1.0) / (all + 2));
        return ([.. steps.Select(step => step.Start)], [.. steps.Select(step => Math.Clamp(Height(step), least, most))]);
    }

    private static double Height((double Start, long Successes, long Count) step) => (double)step.Successes / step.Count;
}
