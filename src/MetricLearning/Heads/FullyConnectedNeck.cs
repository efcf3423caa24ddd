using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>A linear layer, batch norm and ReLU: torchreid's <c>fc</c>, which gives OSNet's feature of length 512.</summary>
/// <remarks>
/// The layers are named <c>0</c> (linear, weights from N(0, 0.01), bias 0) and <c>1</c> (batch norm), as in torchreid's weights.
/// In <see cref="EmbeddingModel"/> it is the <c>projection</c>: metric losses take its output.
/// </remarks>
public sealed class FullyConnectedNeck : Neck, IGraphLayer
{
    private readonly long dimension;
    private readonly long outputDimension;

    /// <summary>Sets up the neck.</summary>
    /// <param name="dimension">The features' length D.</param>
    /// <param name="outputDimension">The output's length E. Default: 512.</param>
    /// <exception cref="ArgumentOutOfRangeException">A dimension is less than 1.</exception>
    public FullyConnectedNeck(long dimension, long outputDimension = 512) : base(nameof(FullyConnectedNeck))
    {
        this.dimension = Guard.AtLeast(dimension, 1);
        this.outputDimension = Guard.AtLeast(outputDimension, 1);
        var linear = nn.Linear(dimension, outputDimension);
        nn.init.normal_(linear.weight, 0, 0.01);
        nn.init.zeros_(linear.bias);
        register_module("0", linear);
        register_module("1", new SafeBatchNorm(outputDimension));
    }

    /// <inheritdoc/>
    public override long OutputDimension(long inputDimension)
    {
        Expect(dimension, inputDimension);
        return outputDimension;
    }

    /// <inheritdoc/>
    protected override Tensor Transform(Tensor features)
    {
        ExpectRowsToTrainOn(features);
        if (parameters().First() is var weight && weight.dtype != features.dtype)
            throw new ArgumentException($"features must be {weight.dtype} as the weights of {GetName()}, got {features.dtype}.",
                nameof(features));
        var x = features;
        foreach (var layer in children().Cast<nn.Module<Tensor, Tensor>>()) x = layer.call(x);
        return x.relu_();
    }

    GraphValue IGraphLayer.Describe(NetworkGraph graph, GraphValue features) =>
        graph.Relu(children().Aggregate(features, (x, layer) => graph.Run(layer, x)));
}
