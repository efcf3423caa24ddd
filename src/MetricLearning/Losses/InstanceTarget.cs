namespace MetricLearning;

/// <summary>The column of the batch's similarity matrix that counts as a row's own in <see cref="InstanceLoss"/>.</summary>
public enum InstanceTarget
{
    /// <summary>The column of the row itself (or of its second view among references): each row is a class, and labels do not
    /// matter.</summary>
    Itself,

    /// <summary>
    /// The column whose number is the rank of the row's class among the batch's classes. pytorch-metric-learning and TinyZeaMays use it if
    /// labels are given. That column belongs to some other row, so the value depends on the order of the batch. Use it only for comparison.
    /// </summary>
    ClassRank,
}
