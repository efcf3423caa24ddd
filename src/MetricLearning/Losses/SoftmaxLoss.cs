using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Softmax cross entropy of dot products: <c>−log softmax(x·w_c)_y</c>, the plain classifier without bias.</summary>
/// <remarks>
/// Default: mean over the samples. With a class for each image it is the instance loss of Zheng et al., <i>Dual-Path Convolutional
/// Image-Text Embeddings with Instance Loss</i>, TOMM 2020, eq. 5, in which two branches share the vectors.
/// <see cref="NormalizedSoftmaxLoss"/> compares cosines instead.
/// </remarks>
/// <param name="classes">The number of classes C, at least 1.</param>
/// <param name="dimension">The dimension D of the embeddings, at least 1.</param>
/// <exception cref="ArgumentOutOfRangeException">A number is below 1.</exception>
public sealed class SoftmaxLoss(long classes, long dimension)
    : ClassLoss(nameof(SoftmaxLoss), classes, dimension, deviation: 1 / Math.Sqrt(Math.Max(1, dimension)))
{
    /// <inheritdoc/>
    protected override Tensor Score(Tensor embeddings, Tensor weights) => Product.Of(embeddings, weights);

    /// <inheritdoc/>
    private protected override ClassLogits TrainingLogits(Tensor embeddings, Tensor weights, Tensor labels) =>
        new(new ClassScores(embeddings, weights), OtherLogits.Same, new OwnLogit(1));
}
