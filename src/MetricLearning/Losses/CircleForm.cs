namespace MetricLearning;

/// <summary>The forms of the circle loss between pairs.</summary>
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
