using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Scales each row to length 1: <c>x / max(‖x‖₂, ε)</c>; a zero row stays zero.</summary>
/// <remarks>Half precision is computed in float32 and converted back. A row whose length is not finite, or too large for the sum of its
/// squares (above 1.8·10¹⁹ in float32), becomes NaN.</remarks>
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
    protected override Tensor Transform(Tensor features) => RowMath.Normalized(features, dim: 1, epsilon);

    GraphValue IGraphLayer.Describe(NetworkGraph graph, GraphValue features) => graph.Normalize(features, 1, epsilon);
}
