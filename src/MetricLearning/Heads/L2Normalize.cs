using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Scales each row to length 1: <c>x / max(‖x‖₂, ε)</c>; a zero row stays zero.</summary>
public sealed class L2Normalize : Neck, IGraphLayer
{
    private readonly double epsilon;

    /// <summary>Sets up the layer.</summary>
    /// <param name="epsilon">ε: a row of smaller length is divided by ε instead of its length. Default: 1e-12.</param>
    /// <exception cref="ArgumentOutOfRangeException">ε is not a finite number greater than zero.</exception>
    public L2Normalize(double epsilon = 1e-12) : base(nameof(L2Normalize)) => this.epsilon = Guard.Positive(epsilon);

    /// <inheritdoc/>
    public override long OutputDimension(long inputDimension) => inputDimension;

    /// <inheritdoc/>
    protected override Tensor Transform(Tensor features) => nn.functional.normalize(features, p: 2, dim: 1, eps: epsilon);

    GraphValue IGraphLayer.Describe(NetworkGraph graph, GraphValue features) => graph.Normalize(features, 1, epsilon);
}
