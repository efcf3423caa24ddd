namespace MetricLearning.Search;

/// <summary>The score by which rows are compared. The nearest row always comes first.</summary>
public enum SearchMetric
{
    /// <summary>The cosine of the angle between query and row, in [−1, 1]; larger is nearer. It is exactly 1 if both are equal. A row of
    /// zeros has no angle and is refused.</summary>
    Cosine,

    /// <summary>The dot product; larger is nearer.</summary>
    Dot,

    /// <summary>The Euclidean distance; smaller is nearer.</summary>
    Euclidean,
}
