using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>The mean of each channel over all positions.</summary>
public sealed class GlobalAveragePooling() : Pooling(nameof(GlobalAveragePooling)), IGraphLayer
{
    /// <inheritdoc/>
    protected override Tensor Pool(Tensor map) => map.mean([2, 3]);

    GraphValue IGraphLayer.Describe(NetworkGraph graph, GraphValue map) => graph.Mean(map, [2, 3]);
}
