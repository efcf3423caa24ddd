using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Batch norm between the features that metric losses take and the embedding that is classified and compared.</summary>
/// <remarks>
/// Its bias is zero and frozen (it has no gradient), so that the embedding stays centered and a classifier without bias can split it by
/// hyperplanes through the origin. The momentum is 0.1 and ε is 1e-5. The layer is named <c>bn</c> within the neck. Luo et al., <i>Bag of
/// Tricks and a Strong Baseline for Deep Person Re-identification</i>, CVPRW 2019.
/// </remarks>
public sealed class BNNeck : Neck, IGraphLayer
{
    private readonly SafeBatchNorm bn;
    private readonly long dimension;

    /// <summary>Sets up the neck.</summary>
    /// <param name="dimension">The features' length D.</param>
    /// <exception cref="ArgumentOutOfRangeException">The dimension is less than 1.</exception>
    public BNNeck(long dimension) : base(nameof(BNNeck))
    {
        this.dimension = Guard.AtLeast(dimension, 1);
        bn = new SafeBatchNorm(dimension);
        bn.bias!.requires_grad_(false);
        RegisterComponents();
    }

    /// <inheritdoc/>
    public override long OutputDimension(long inputDimension)
    {
        Expect(dimension, inputDimension);
        return dimension;
    }

    /// <inheritdoc/>
    protected override Tensor Transform(Tensor features)
    {
        ExpectRowsToTrainOn(features);
        bn.RequireType(features);
        return bn.call(features);
    }

    GraphValue IGraphLayer.Describe(NetworkGraph graph, GraphValue features) => graph.Run(bn, features);
}
