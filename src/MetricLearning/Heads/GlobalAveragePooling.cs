using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>The mean of each channel over all positions.</summary>
public sealed class GlobalAveragePooling() : Pooling(nameof(GlobalAveragePooling))
{
    /// <inheritdoc/>
    protected override Tensor Pool(Tensor map) => map.mean([2, 3]);
}
