namespace MetricLearning;

/// <summary>Whose MobileNetV2: both have the paper's layers, but not the same widths and first block.</summary>
public enum MobileNetV2Dialect
{
    /// <summary>torchvision: widths are rounded to multiples of 8, and the first block has no convolution that widens.</summary>
    Torchvision,

    /// <summary>torchreid: widths are rounded down, and the first block has one (from 32 to 32 channels).</summary>
    TorchReId,
}
