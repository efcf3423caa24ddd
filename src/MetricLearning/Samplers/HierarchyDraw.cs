namespace MetricLearning;

/// <summary>How the batches of a <see cref="HierarchicalSampler"/> choose among categories and classes.</summary>
public enum HierarchyDraw
{
    /// <summary>Each batch is a fresh draw in which every category is equally likely.</summary>
    Independent,

    /// <summary>Each batch is a fresh draw in which a category with more classes is more likely (open-metric-learning's
    /// CategoryBalanceSampler).</summary>
    WeighedByClasses,

    /// <summary>
    /// No class is drawn twice in a round. A round ends when fewer than C categories have P classes left (open-metric-learning's
    /// DistinctCategoryBalanceSampler, which instead fills the last batch of a category with classes that were already drawn).
    /// </summary>
    DistinctClasses,
}
