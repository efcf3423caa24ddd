using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>The mean plus the maximum of each channel over all positions, as in fast-reid's <c>AdaptiveAvgMaxPool2d</c>.</summary>
public sealed class AverageMaxPooling() : Pooling(nameof(AverageMaxPooling)), IGraphLayer
{
    /// <inheritdoc/>
    protected override Tensor Pool(Tensor map) => map.mean([2, 3]).Plus(map.amax([2, 3]));

    GraphValue IGraphLayer.Describe(NetworkGraph graph, GraphValue map) => graph.Add(graph.Mean(map, [2, 3]), graph.Maximum(map, [2, 3]));
}
