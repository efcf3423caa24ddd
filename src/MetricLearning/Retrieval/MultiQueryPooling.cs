namespace MetricLearning;

/// <summary>How the features of a query's pictures become one.</summary>
public enum MultiQueryPooling
{
    /// <summary>Their mean.</summary>
    Average,

    /// <summary>The largest of each component.</summary>
    Max,
}
