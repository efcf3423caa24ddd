namespace MetricLearning;

/// <summary>How the features of a query's images become one.</summary>
public enum MultiQueryPooling
{
    /// <summary>The mean of the features.</summary>
    Average,

    /// <summary>The largest value of each column.</summary>
    Max,
}
