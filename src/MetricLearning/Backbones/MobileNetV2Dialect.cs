namespace MetricLearning;

/// <summary>Which project's MobileNetV2 is built. Both have the paper's layers; they differ in the widths and in the first block.</summary>
public enum MobileNetV2Dialect
{
    /// <summary>torchvision: widths are rounded to multiples of 8, and the first block has no convolution that widens.</summary>
    Torchvision,

    /// <summary>torchreid: widths are rounded down, and the first block has such a convolution (from 32 to 32 channels).</summary>
    TorchReId,
}
