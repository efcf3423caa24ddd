using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Describes TorchSharp's own layers in evaluation mode as operations of a graph.</summary>
internal static class StandardLayers
{
    private static readonly long[] none = [0, 0], one = [1, 1];

    public static GraphValue Describe(NetworkGraph graph, nn.Module layer, GraphValue x) => layer switch
    {
        Sequential parts => parts.named_children().Aggregate(x, (value, part) => graph.Run(part.module, value)),
        Conv2d conv => Convolution(graph, conv, x),
        TorchSharp.Modules.BatchNorm norm => BatchNorm(graph, norm, x),
        InstanceNorm2d norm => InstanceNorm(graph, norm, x),
        LayerNorm norm => LayerNorm(graph, norm, x),
        Linear linear => graph.Linear(x, graph.Weight(linear, "weight"), graph.FindWeight(linear, "bias")),
        MaxPool2d pool when Same(pool.dilation ?? one, one) =>
            graph.MaxPool(x, pool.kernel_size, pool.stride ?? pool.kernel_size, pool.padding ?? none, pool.ceil_mode),
        AvgPool2d pool when Same(pool.padding ?? none, none) && !pool.ceil_mode && pool.divisor_override is null =>
            graph.AveragePool(x, pool.kernel_size, pool.stride ?? pool.kernel_size),
        AdaptiveAvgPool2d pool => pool.output_size is [var rows, var columns]
            ? Stripes(graph, Stripes(graph, x, 2, rows), 3, columns)
            : throw graph.Unsupported("its output size must be a height and a width"),
        ReLU => graph.Relu(x),
        ReLU6 => graph.Clamp(x, 0, 6),
        Sigmoid => graph.Sigmoid(x),
        GELU => graph.Gelu(x),
        Identity or Dropout or Dropout2d => x,
        _ => throw graph.Unsupported($"no description is known: let the layer implement {nameof(IGraphLayer)}"),
    };

    private static GraphValue Convolution(NetworkGraph graph, Conv2d conv, GraphValue x) =>
        conv.padding_mode == PaddingModes.Zeros && conv.padding is { } padding
            ? graph.Convolution(x, graph.Weight(conv, "weight"), graph.FindWeight(conv, "bias"), conv.stride, padding, conv.dilation,
                conv.groups)
            : throw graph.Unsupported("its padding is neither a number nor zeros");

    private static GraphValue BatchNorm(NetworkGraph graph, NormBase norm, GraphValue x) =>
        graph.FindWeight(norm, "running_mean") is { } mean
            ? graph.BatchNorm(x, graph.FindWeight(norm, "weight") ?? Filled(graph, norm.num_features, 1),
                graph.FindWeight(norm, "bias") ?? Filled(graph, norm.num_features, 0), mean, graph.Weight(norm, "running_var"), norm.eps)
            : throw graph.Unsupported("it has no running statistics, so its result depends on the batch");

    private static GraphValue InstanceNorm(NetworkGraph graph, InstanceNorm2d norm, GraphValue x) => norm.track_running_stats
        ? throw graph.Unsupported("it has running statistics, which no operation of instance norm takes")
        : graph.InstanceNorm(x, graph.FindWeight(norm, "weight") ?? Filled(graph, norm.num_features, 1),
            graph.FindWeight(norm, "bias") ?? Filled(graph, norm.num_features, 0), norm.eps);

    private static GraphValue LayerNorm(NetworkGraph graph, LayerNorm norm, GraphValue x) => norm.normalized_shape is [var length]
        ? graph.LayerNorm(x, graph.FindWeight(norm, "weight") ?? Filled(graph, length, 1),
            graph.FindWeight(norm, "bias") ?? Filled(graph, length, 0), norm.eps)
        : throw graph.Unsupported("it normalizes over several axes");

    /// <summary>The means of equal stripes of an axis, as adaptive pooling cuts them: they overlap if the size is not a multiple.</summary>
    private static GraphValue Stripes(NetworkGraph graph, GraphValue x, int axis, long count)
    {
        if (count == 1) return graph.Mean(x, [axis], keep: true);
        var size = graph.Size(x, axis);
        if (count == size) return x;
        return graph.Concatenate([.. Enumerable.Range(0, (int)count).Select(i =>
        {
            var (first, end) = (i * size / count, ((i + 1) * size + count - 1) / count);
            return graph.Mean(graph.Slice(x, axis, first, end - first), [axis], keep: true);
        })], axis);
    }

    private static GraphValue Filled(NetworkGraph graph, long length, double value)
    {
        using var scope = NewDisposeScope();
        return graph.Constant(full([length], S(value)));
    }

    private static bool Same(IReadOnlyList<long> x, IReadOnlyList<long> y) => x.SequenceEqual(y);
}
