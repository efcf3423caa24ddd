namespace MetricLearning;

/// <summary>How the statistics of many batches become one mean and one variance.</summary>
public enum BatchStatisticsRule
{
    /// <summary>Mean and variance of all values of all batches together, the variance with the divisor n − 1 of running
    /// variances.</summary>
    Pooled,

    /// <summary>The mean of the batches' means and the mean of their variances (fvcore, fast-reid). It leaves out how the means of the
    /// batches differ, and a small last batch counts as much as a large one.</summary>
    MeanOfBatches,
}
