namespace MetricLearning;

/// <summary>The places where a network uses instance norm in addition to batch norm. Instance norm normalizes each image by itself, so
/// features depend less on style and light.</summary>
/// <remarks>Pan, Luo, Shi, Tang, <i>Two at Once: Enhancing Learning and Generalization Capacities via IBN-Net</i>, ECCV 2018.</remarks>
public enum InstanceBatchNorm
{
    /// <summary>Batch norm alone.</summary>
    None,

    /// <summary>IBN-a: in each block of the first three stages, the first norm is instance norm on the first half of the channels and batch
    /// norm on the rest.</summary>
    A,

    /// <summary>IBN-b: instance norm in place of the first batch norm, and after the sum in the last block of each of the first two
    /// stages.</summary>
    B,
}
