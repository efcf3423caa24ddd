using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>The largest value over all positions of each channel; equal largest values share the gradient.</summary>
public sealed class GlobalMaxPooling() : Pooling(nameof(GlobalMaxPooling))
{
    /// <inheritdoc/>
    protected override Tensor Pool(Tensor map) => map.amax([2, 3]);
}
