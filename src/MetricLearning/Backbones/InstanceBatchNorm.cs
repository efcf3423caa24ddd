namespace MetricLearning;

/// <summary>Where a network normalizes each image by itself (instance norm) besides the whole batch, so that looks and light count
/// less.</summary>
/// <remarks>Pan, Luo, Shi, Tang, <i>Two at Once: Enhancing Learning and Generalization Capacities via IBN-Net</i>, ECCV 2018.</remarks>
public enum InstanceBatchNorm
{
    /// <summary>Batch norm alone.</summary>
    None,

    /// <summary>IBN-a: in every block of the first three stages, the first norm is instance norm on the first half of the channels and
    /// batch norm on the rest.</summary>
    A,

    /// <summary>IBN-b: instance norm in place of the first batch norm, and behind the sum of the last block of each of the first two
    /// stages.</summary>
    B,
}
