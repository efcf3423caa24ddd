namespace MetricLearning;

/// <summary>The layers between a residual network's first convolution and its first stage. The published networks differ here, and their
/// weights need the same layers.</summary>
public enum ResNetStem
{
    /// <summary>torchvision and IBN-Net: batch norm, ReLU, and a 3×3 max pooling of stride 2 with a padding of 1.</summary>
    Torchvision,

    /// <summary>fast-reid: as in torchvision, but the pooling has no padding and rounds its output size up, so that its windows lie one
    /// pixel further right and down.</summary>
    FastReId,

    /// <summary>reid-strong-baseline (Bag of Tricks): as in torchvision, without the ReLU.</summary>
    StrongBaseline,
}
