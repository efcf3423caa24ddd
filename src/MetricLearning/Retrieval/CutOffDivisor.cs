namespace MetricLearning;

/// <summary>The divisor of a sum over the first k images of a list, in the published dialects of P@k and MAP@k.</summary>
public enum CutOffDivisor
{
    /// <summary>k: precision at k as textbooks define it.</summary>
    CutOff,

    /// <summary>min(k, R), the largest possible number of matches in k places; a perfect list has 1 (precision@k of
    /// open-metric-learning).</summary>
    Reachable,

    /// <summary>R, all the matches: MAP@k of pytorch-metric-learning with a k, and of TensorFlow Similarity.</summary>
    Matches,

    /// <summary>The matches among the first k; the figure is 0 if there are none: map@k of open-metric-learning. A list that has one of
    /// ten matches, at the top, has 1.</summary>
    Found,
}
