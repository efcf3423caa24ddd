namespace MetricLearning;

/// <summary>How the statistics of many batches are combined into one mean and one variance.</summary>
public enum BatchStatisticsRule
{
    /// <summary>Mean and variance of all values of all batches together, the variance with the divisor n − 1 of running
    /// variances.</summary>
    Pooled,

    /// <summary>The mean of the batches' means and the mean of their variances (fvcore, fast-reid). It ignores the differences between the
    /// means of the batches, and a small last batch counts as much as a large one.</summary>
    MeanOfBatches,
}
