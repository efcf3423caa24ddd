using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>
/// Softmax cross entropy of cosines with a margin subtracted from the own class: <c>−log softmax(s·(cos(x, w_c) − m·[c = y]))_y</c>.
/// </summary>
/// <remarks>
/// Default: m = 0.35, s = 64, mean over the samples. Wang et al., <i>CosFace</i>, CVPR 2018, eq. 4; AM-softmax is the same loss. It follows
/// pytorch-metric-learning's CosFaceLoss, whose weights are [D, C], and fast-reid's CosSoftmax.
/// </remarks>
/// <param name="classes">The number of classes C, at least 1.</param>
/// <param name="dimension">The dimension D of the embeddings, at least 1.</param>
/// <param name="margin">The margin m, finite. Default: 0.35.</param>
/// <param name="scale">The scale s, above 0. Default: 64.</param>
/// <exception cref="ArgumentOutOfRangeException">A number is outside its range or not finite.</exception>
public sealed class CosFaceLoss(long classes, long dimension, double margin = 0.35, double scale = 64)
    : ClassLoss(nameof(CosFaceLoss), classes, dimension)
{
    /// <summary>The margin m.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The number is not finite.</exception>
    public double Margin { get; set => field = Guard.Finite(value); } = Guard.Finite(margin);

    /// <summary>The scale s.</summary>
    public double Scale { get; } = Guard.Positive(scale);

    /// <inheritdoc/>
    protected override Tensor Score(Tensor embeddings, Tensor weights) => S(Scale) * Cosines(embeddings, weights);

    /// <inheritdoc/>
    private protected override ClassLogits TrainingLogits(Tensor embeddings, Tensor weights, Tensor labels) =>
        new(ClassScores.Cosines(embeddings, weights), Scale, Margin);
}
