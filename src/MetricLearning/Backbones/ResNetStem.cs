namespace MetricLearning;

/// <summary>What lies between a residual network's first convolution and its first stage: the published networks differ, and their weights
/// go with it.</summary>
public enum ResNetStem
{
    /// <summary>torchvision and IBN-Net: batch norm, ReLU, and a 3×3 max pooling of stride 2 with a border of 1.</summary>
    Torchvision,

    /// <summary>fast-reid: as torchvision, but the pooling has no border and rounds its size up, so that each window lies half a pixel
    /// elsewhere.</summary>
    FastReId,

    /// <summary>reid-strong-baseline (Bag of Tricks): as torchvision, without the ReLU.</summary>
    StrongBaseline,
}
