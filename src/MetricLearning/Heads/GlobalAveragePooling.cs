using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>The mean over all positions of each channel.</summary>
public sealed class GlobalAveragePooling() : Pooling(nameof(GlobalAveragePooling))
{
    /// <inheritdoc/>
    protected override Tensor Pool(Tensor map) => map.mean([2, 3]);
}
