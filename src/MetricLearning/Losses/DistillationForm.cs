namespace MetricLearning;

/// <summary>What <see cref="EmbeddingDistillationLoss"/> compares.</summary>
public enum DistillationForm
{
    /// <summary>The directions of both rows: 1 − cosine.</summary>
    Cosine,

    /// <summary>The rows themselves: the squared differences of their numbers.</summary>
    SquaredError,
}
