using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Softmax cross entropy of cosines: <c>−log softmax(cos(x, w_c) / τ)_y</c>.</summary>
/// <remarks>
/// Default: τ = 0.05, mean over the samples. Zhai, Wu, <i>Classification is a Strong Baseline for Deep Metric Learning</i>, BMVC 2019; as
/// pytorch-metric-learning's NormalizedSoftmaxLoss (its weights are [D, C]).
/// </remarks>
public sealed class NormalizedSoftmaxLoss : ClassLoss
{
    /// <summary>Creates the loss.</summary>
    /// <param name="classes">C.</param>
    /// <param name="dimension">D.</param>
    /// <param name="temperature">τ above 0; 0.05 by default.</param>
    public NormalizedSoftmaxLoss(int classes, int dimension, double temperature = 0.05)
        : base(nameof(NormalizedSoftmaxLoss), classes, dimension) => Temperature = Guard.Positive(temperature);

    /// <summary>τ.</summary>
    public double Temperature { get; }

    /// <inheritdoc/>
    protected override Tensor Score(Tensor embeddings, Tensor weights) =>
        RowMath.Unit(embeddings).matmul(RowMath.Unit(weights).t()) / S(Temperature);
}
