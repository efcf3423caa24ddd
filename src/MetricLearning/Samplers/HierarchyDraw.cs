namespace MetricLearning;

/// <summary>How the batches of a <see cref="HierarchicalSampler"/> choose among categories and classes.</summary>
public enum HierarchyDraw
{
    /// <summary>Each batch is a fresh draw, every category as likely as another.</summary>
    Independent,

    /// <summary>Each batch is a fresh draw, a category with more classes the likelier (open-metric-learning's
    /// CategoryBalanceSampler).</summary>
    WeighedByClasses,

    /// <summary>
    /// No class comes again before fewer than C categories have P classes left that have not come, which starts a new round
    /// (open-metric-learning's DistinctCategoryBalanceSampler, which fills up a category's last batch with classes that came).
    /// </summary>
    DistinctClasses,
}
