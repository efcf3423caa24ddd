using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Softmax cross entropy of cosines: <c>−log softmax(cos(x, w_c) / τ)_y</c>.</summary>
/// <remarks>
/// Default: τ = 0.05, mean over the samples. Zhai, Wu, <i>Classification is a Strong Baseline for Deep Metric Learning</i>, BMVC 2019. It
/// follows pytorch-metric-learning's NormalizedSoftmaxLoss, whose weights are [D, C].
/// </remarks>
/// <param name="classes">The number of classes C, at least 1.</param>
/// <param name="dimension">The dimension D of the embeddings, at least 1.</param>
/// <param name="temperature">The temperature τ, above 0. Default: 0.05.</param>
/// <exception cref="ArgumentOutOfRangeException">A number is outside its range or not finite.</exception>
public sealed class NormalizedSoftmaxLoss(long classes, long dimension, double temperature = 0.05)
    : ClassLoss(nameof(NormalizedSoftmaxLoss), classes, dimension)
{
    /// <summary>The temperature τ.</summary>
    public double Temperature { get; } = Guard.Positive(temperature);

    /// <inheritdoc/>
    protected override Tensor Score(Tensor embeddings, Tensor weights) => Cosines(embeddings, weights) / S(Temperature);

    /// <inheritdoc/>
    private protected override ClassLogits TrainingLogits(Tensor embeddings, Tensor weights, Tensor labels) =>
        new(ClassScores.Cosines(embeddings, weights), 1 / Temperature);
}
