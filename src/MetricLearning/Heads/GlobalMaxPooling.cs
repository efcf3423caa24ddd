using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>The largest value over all positions of each channel; equal largest values share the gradient.</summary>
public sealed class GlobalMaxPooling() : Pooling(nameof(GlobalMaxPooling)), IGraphLayer
{
    /// <inheritdoc/>
    protected override Tensor Pool(Tensor map) => map.amax([2, 3]);

    GraphValue IGraphLayer.Describe(NetworkGraph graph, GraphValue map) => graph.Maximum(map, [2, 3]);
}
