namespace MetricLearning;

/// <summary>The forms of the circle loss between pairs. <c>lse_p</c> and <c>lse_n</c> are those of <see cref="CircleLoss"/>, and <c>Σ_p</c>
/// and <c>Σ_n</c> are the same sums without the logarithm.</summary>
public enum CircleForm
{
    /// <summary>For each anchor <c>softplus(lse_p + lse_n)</c>: pytorch-metric-learning, fast-reid.</summary>
    PerAnchor,

    /// <summary>One <c>softplus(lse_p + lse_n)</c> over all pairs of the batch, each once: the first public code (TinyZeaMays),
    /// Person_reID_baseline_pytorch.</summary>
    OneSum,

    /// <summary>For each anchor <c>log(1 + Σ_p) + log(1 + Σ_n)</c>: TensorFlow Similarity, which writes it in distances.</summary>
    SeparateSums,
}
