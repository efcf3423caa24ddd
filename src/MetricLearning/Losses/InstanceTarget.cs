namespace MetricLearning;

/// <summary>Which column of the batch's similarity matrix is a row's own in <see cref="InstanceLoss"/>.</summary>
public enum InstanceTarget
{
    /// <summary>The column of the row itself (or of its second view among references): each row is a class, and labels do not
    /// count.</summary>
    Itself,

    /// <summary>
    /// The column whose number is the rank of the row's class among the batch's classes, as pytorch-metric-learning and TinyZeaMays have it
    /// where labels are given. That column belongs to some other row: the value depends on the order of the batch. For comparison only.
    /// </summary>
    ClassRank,
}
