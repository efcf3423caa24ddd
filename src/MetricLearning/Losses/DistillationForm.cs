namespace MetricLearning;

/// <summary>The quantity that <see cref="EmbeddingDistillationLoss"/> compares.</summary>
public enum DistillationForm
{
    /// <summary>The directions of both rows, compared by 1 − cosine.</summary>
    Cosine,

    /// <summary>The rows themselves, compared by the squared differences of their numbers.</summary>
    SquaredError,
}
