using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>The mean plus the maximum of each channel over all positions, as fast-reid's <c>AdaptiveAvgMaxPool2d</c>.</summary>
public sealed class AverageMaxPooling() : Pooling(nameof(AverageMaxPooling))
{
    /// <inheritdoc/>
    protected override Tensor Pool(Tensor map) => map.mean([2, 3]).Plus(map.amax([2, 3]));
}
