namespace MetricLearning;

/// <summary>What a sum over the first k of a list is divided by: the published dialects of P@k and MAP@k.</summary>
public enum CutOffDivisor
{
    /// <summary>k: precision at k as textbooks have it.</summary>
    CutOff,

    /// <summary>min(k, R), the most matches that k places can hold: a perfect list has 1 (precision@k of open-metric-learning).</summary>
    Reachable,

    /// <summary>R, all the matches: MAP@k of pytorch-metric-learning with a k, and of TensorFlow Similarity.</summary>
    Matches,

    /// <summary>The matches found among the first k, and 0 where there are none: map@k of open-metric-learning. One early match of ten has
    /// 1.</summary>
    Found,
}
